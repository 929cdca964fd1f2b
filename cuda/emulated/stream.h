// Streams of the emulated device. Work that is put on one runs at a later synchronisation, in an order that only the
// declared dependencies fix: that of each stream, recorded events that are waited for, and the default stream's.
// Which of the possible orders it is, is the schedule's choice (settings.h): in order, only what is waited for runs, so
// other streams' results are not there yet; reversed, other streams run first, as far as they can; random, anything.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cuda/emulated/failure.h"
#include "cuda/emulated/memory.h"

namespace moco::cuda::emulated {

/// Adds work to a stream (null: the default stream). It runs at a later synchronisation, in an order that only declared
/// dependencies fix. Work may throw Error: the device is broken from then on, as after a failed kernel.
cudaError_t enqueue(cudaStream_t stream, const char* what, std::function<void()> work);

/// Runs work until all that is on the stream now is done.
cudaError_t synchronize_stream(cudaStream_t stream);
cudaError_t synchronize_device();
/// Whether all of the stream's work is done; runs a little of it if not, so that who asks again and again gets on.
bool is_done(cudaStream_t stream);

/// Drops all work and all streams but the default one.
void forget_streams();
/// Streams and events that were created and not destroyed.
size_t streams_in_use();
size_t events_in_use();

}  // namespace moco::cuda::emulated
