// The tensors of a pretraining checkpoint, taken from another program's file as they are written.
#pragma once

#include <memory>
#include <vector>

#include "nn/network.h"
#include "nn/tensor_file.h"

namespace moco {

/// encoder_q.*, encoder_k.*, queue (C x K), queue_ptr and optimizer.*, which `file` has under these names, in f32 and
/// i64; counters of batches that it lacks are 0. Names, shapes, types and the pointer are checked now; elements, which
/// have to be finite, when each is asked for, so that one tensor at a time is in memory. Throws Error naming the file,
/// the key and both shapes.
std::vector<TensorItem> adopted_state(const std::shared_ptr<const TensorFile>& file, const NetworkConfig& config,
                                      int64_t K);

}  // namespace moco
