// State that names itself: every tensor that a file may hold says its name and how it lies there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace moco {

/// How a tensor lies in files, which have PyTorch's layouts.
enum class FileLayout {
    as_is,
    conv_weight,  // O,H,W,I here, O,I,H,W in the file
    transposed,   // a matrix: rows x columns here, columns x rows in the file
};

/// A tensor and the name under which a checkpoint holds it (torchvision's: "layer1.0.conv1.weight").
struct NamedTensor {
    std::string name;
    Tensor tensor;
    FileLayout layout = FileLayout::as_is;
};

/// The named state of a module, in the order in which torchvision registers it. The tensors are handles: writing to
/// them writes to the module.
struct ModuleState {
    std::vector<NamedTensor> parameters;  // trained: weights, biases, gamma, beta
    std::vector<NamedTensor> buffers;     // kept beside: running_mean, running_var (f32), num_batches_tracked (i64)
};

/// Is shown a state, piece by piece, always in the same order: to write it, to hold a file against it, to read it
/// (nn/serialize.h).
class StateVisitor {
  public:
    virtual ~StateVisitor() = default;
    virtual void tensor(const NamedTensor& named) = 0;
    /// A number of the host, 0 <= value < end; a file holds it as a single i64.
    virtual void integer(const std::string& name, int64_t& value, int64_t end) = 0;
};

/// Shows all of a state to a visitor.
using VisitState = std::function<void(StateVisitor&)>;

/// Shows tensors, each under prefix + its name ("encoder_q." + "conv1.weight").
inline void visit(StateVisitor& visitor, const std::string& prefix, const std::vector<NamedTensor>& tensors) {
    for (const NamedTensor& named : tensors) visitor.tensor({prefix + named.name, named.tensor, named.layout});
}

/// Parameters, then buffers.
inline void visit(StateVisitor& visitor, const std::string& prefix, const ModuleState& state) {
    visit(visitor, prefix, state.parameters);
    visit(visitor, prefix, state.buffers);
}

}  // namespace moco
