// The border between our tensors and files in PyTorch's layouts: convolution weights are O,H,W,I here and O,I,H,W
// there.
#pragma once

#include <string>
#include <vector>

#include "core/parameter_arena.h"
#include "nn/module.h"
#include "nn/safetensors.h"

namespace moco {

/// A tensor (f32, bf16, i64 or u8) to be written under `name`; rank 4 is transposed from O,H,W,I to O,I,H,W. The item
/// holds a handle: it writes the elements the tensor has when the file is written.
SafetensorsItem to_item(const std::string& name, const Tensor& tensor);
/// A matrix written transposed: rows x columns here, columns x rows in the file (the queue: K x C here, C x K there).
SafetensorsItem to_transposed_item(const std::string& name, const Tensor& matrix);
/// A single i64 of shape {1} (queue_ptr).
SafetensorsItem to_item(const std::string& name, int64_t value);

/// Appends one item a tensor, named prefix + name ("encoder_q." + "conv1.weight").
void append_items(std::vector<SafetensorsItem>& items, const std::string& prefix,
                  const std::vector<NamedTensor>& tensors);
/// Parameters, then buffers.
void append_items(std::vector<SafetensorsItem>& items, const std::string& prefix, const ModuleState& state);

/// What to do about keys of the file that start with the prefix and belong to none of the tensors.
enum class UnexpectedKeys { refuse, ignore };

struct LoadOptions {
    UnexpectedKeys unexpected = UnexpectedKeys::refuse;
    /// Unexpected keys that start with prefix + one of these are ignored ("fc.": the classifier of a foreign file).
    std::vector<std::string> ignored = {};
    /// Tensors whose name ends with one of these may be missing and then keep their value ("num_batches_tracked": files
    /// from before PyTorch 0.4.1).
    std::vector<std::string> optional = {};
};

/// Reads prefix + name of each tensor into it. Checks everything before it writes anything. Throws Error naming the
/// file and a missing key, an unexpected key, or a key with both shapes (in PyTorch's layout).
void load_tensors(const SafetensorsFile& file, const std::string& prefix, const std::vector<NamedTensor>& tensors,
                  const LoadOptions& options = {});
/// Parameters and buffers of a module.
void load_state(const SafetensorsFile& file, const std::string& prefix, const ModuleState& state,
                const LoadOptions& options = {});
/// The way back of to_transposed_item.
void load_transposed(const SafetensorsFile& file, const std::string& name, Tensor& matrix);
/// The way back of to_item(name, value); the entry must hold one integer.
int64_t load_integer(const SafetensorsFile& file, const std::string& name);

}  // namespace moco
