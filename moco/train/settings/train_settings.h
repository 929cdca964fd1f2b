// The settings that every task has.
#pragma once

#include <string>

#include "moco/train/settings/encoder.h"
#include "moco/train/settings/optimizer.h"
#include "moco/train/settings/run.h"
#include "moco/train/settings/views.h"

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

}  // namespace moco
