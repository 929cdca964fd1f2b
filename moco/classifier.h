// Training of a network with a linear classifier: from scratch, what features learned without labels are held against;
// or from such features (fine-tuning), whose layers then learn at rates of their own.
#pragma once

#include <cstdint>
#include <vector>

#include "core/communicator.h"
#include "moco/batch_parts.h"
#include "moco/step_result.h"
#include "nn/network.h"
#include "nn/parameter_arena.h"
#include "nn/sgd.h"
#include "ops/cross_entropy.h"

namespace moco {

/// How the parts of a network learn, as factors of the learning rate.
struct DepthRates {
    float head = 1;             // of the head
    float decay = 1;            // of each stage below the last one, over the stage above it
    int64_t frozen_stages = 0;  // from the images up (Encoder::stages): they stay as they are, statistics too
};

/// The parameters of f (as Network::state orders them) in groups of the same rate, those of frozen stages in none.
std::vector<ParameterGroup> groups_by_depth(const Network& f, const DepthRates& rates, const SgdOptions& options);

/// Everything such a run trains. Neither copyable nor movable: the optimizer holds on to the arena.
struct Classifier {
    /// Throws Error for frozen stages that the encoder has not.
    Classifier(const NetworkConfig& network, const SgdOptions& sgd_options, uint64_t seed, Backend& backend,
               const DepthRates& rates = {});
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

/// One step of SGD on the mean cross-entropy, in the mode that the network is in. Collective over comm.
StepResult classifier_step(Classifier& classifier, const LabelledBatch& batch, Communicator& comm,
                           const CrossEntropyOptions& loss_options = {});

}  // namespace moco
