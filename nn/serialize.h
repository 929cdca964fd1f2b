// The border between our tensors and files in PyTorch's layouts (nn/state.h says which tensor has which).
#pragma once

#include <string>
#include <vector>

#include "nn/state.h"
#include "nn/tensor_file.h"

namespace moco {

/// A tensor (f32, bf16, i64 or u8) to be written under its name, in the layout that it says. The item holds a handle:
/// it writes the elements the tensor has when the file is written.
TensorItem to_item(const NamedTensor& named);
/// All of a state, in the order in which it is visited; integers as an i64 of shape {1}.
std::vector<TensorItem> items_of(const VisitState& visit);

/// What to do about keys of the file that start with the prefix and belong to nothing that is visited.
enum class UnexpectedKeys { refuse, ignore };

struct LoadOptions {
    /// The part of the file that the state answers for.
    std::string prefix = "";
    UnexpectedKeys unexpected = UnexpectedKeys::refuse;
    /// Unexpected keys that start with prefix + one of these are ignored ("fc.": the classifier of a foreign file).
    std::vector<std::string> ignored = {};
    /// Tensors whose name ends with one of these may be missing and then keep their value ("num_batches_tracked": files
    /// from before PyTorch 0.4.1).
    std::vector<std::string> optional = {};
};

/// Reads all that is visited from the file; names are the file's. The state is visited twice: keys, types and shapes
/// are checked before anything is written, the elements as they are read. Throws Error naming the file and a missing
/// key, an unexpected key, a key with both shapes (in PyTorch's layout), or a key whose elements are not all finite or
/// do not have their checksum.
void load_state(const TensorFile& file, const VisitState& visit, const LoadOptions& options = {});

/// The tensors of one module or list, each under options.prefix + its name.
void load_state(const TensorFile& file, const ModuleState& state, const LoadOptions& options = {});

}  // namespace moco
