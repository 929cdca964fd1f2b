// Supervised training of a network with a linear classifier: what features learned without labels are held against.
#pragma once

#include <cstdint>
#include <vector>

#include "core/communicator.h"
#include "moco/batch_parts.h"
#include "moco/step_result.h"
#include "nn/network.h"
#include "nn/parameter_arena.h"
#include "nn/sgd.h"

namespace moco {

/// Everything such a run trains. Neither copyable nor movable: the optimizer holds on to the arena.
struct Classifier {
    Classifier(const NetworkConfig& network, const SgdOptions& sgd_options, uint64_t seed, Backend& backend);
    Classifier(const Classifier&) = delete;
    Classifier& operator=(const Classifier&) = delete;

    /// encoder.*, fc.*.
    ModuleState state() const { return f.state("encoder.", "fc."); }
    /// Shows everything that a checkpoint holds: the state, and optimizer.*.
    void visit(StateVisitor& visitor) const;

    Network f;
    ParameterArena parameters;  // with gradients
    Sgd sgd;
};

/// A batch where the device reads it.
struct LabelledBatch {
    /// labels: N, a class each, for images N x H x W x channels. The batch goes through the network in `count` parts,
    /// which divide it. Throws Error for a label below 0.
    LabelledBatch(const Tensor& images, const std::vector<int64_t>& labels, int64_t count);

    /// What lies on the device, for a step that is recorded.
    std::vector<Tensor*> placed();

    Tensor x;
    BatchParts parts;
    std::vector<Tensor> labels;  // of each part, i64
};

/// One step of SGD on the mean cross-entropy. Collective over comm.
StepResult classifier_step(Classifier& classifier, const LabelledBatch& batch, Communicator& comm);

}  // namespace moco
