// Errors of the emulated device: those it is told to make, those it remembers, and what it says about them.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <mutex>
#include <string>

namespace moco::cuda::emulated {

/// Held by every call of the runtime: several host threads may use the device.
std::recursive_mutex& device_mutex();

enum class Failure { malloc, launch, library };

/// True if this call of that kind must fail. Counts calls.
bool injected_failure(Failure kind);
/// Makes the nth call of that kind from now fail (1: the next); 0: none.
void inject_failure(Failure kind, int64_t nth);

/// Notes a status for cudaGetLastError, by host thread, and returns it.
cudaError_t remember(cudaError_t status);
/// Returns the noted status; `forget`: and notes success.
cudaError_t last_status(bool forget);

/// A kernel failed: every later call returns `status` until the device is reset. Reports `what`.
void break_device(cudaError_t status, const std::string& what);
/// What break_device was given; cudaSuccess before.
cudaError_t broken();

/// Says `what` on standard error, as the emulated device.
void report(const std::string& what);
/// What was reported last; "" if nothing was since clear_reports or a reset.
std::string last_report();
void clear_reports();

/// As cudaDeviceReset: nothing pending, nothing allocated, no error. Streams and events are no longer valid.
void reset_device();

}  // namespace moco::cuda::emulated
