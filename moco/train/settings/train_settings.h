// The settings that every task has.
#pragma once

#include <string>

#include "moco/train/settings/encoder.h"
#include "moco/train/settings/optimizer.h"
#include "moco/train/settings/run.h"
#include "moco/train/settings/views.h"
#include "nn/network.h"

namespace moco {

struct TrainSettings {
    std::string preset;  // the layer below file and flags
    DataSettings data;
    ViewSettings views;
    EncoderSettings encoder;
    OptimizerSettings optimizer;
    RunSettings run;
    MachineSettings machine;

    bool operator==(const TrainSettings&) const = default;
};

/// The network of a classifier that the settings describe, with a linear head for `classes` classes; bn_splits: of a
/// whole batch.
NetworkConfig classifier_network(const TrainSettings& settings, int64_t bn_splits, int64_t in_channels,
                                 int64_t classes);

}  // namespace moco
