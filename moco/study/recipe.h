// A recipe for somebody's own images: settings of `moco pretrain`, a reason for each, and what it will take.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "moco/study/data_survey.h"
#include "moco/study/step_timing.h"
#include "moco/tasks/pretrain_settings.h"

namespace moco {

/// What a setting is and why.
struct Reason {
    std::string what;  // "--moco-k 1024"
    std::string why;   // "..."
};

struct PretrainRecipe {
    PretrainSettings settings;
    std::vector<Reason> reasons;
    double images_per_s = 0;
    double hours = 0;
    double gib = 0;  // of memory at most; 0 where it is not known
};

/// What the machine and its owner allow.
struct RecipeLimits {
    double hours = 24;
    double memory_gib = 0;  // 0: unknown
};

/// Times a step of these settings with a small batch.
using TimeSteps = std::function<StepTiming(const PretrainSettings&)>;

/// A recipe for `data`, which `survey` describes: of the networks that suit images of their size the largest that is
/// through within limits.hours, or the smallest with fewer epochs. `time` is asked of a few candidates. Throws Error
/// where there are fewer than 16 images.
PretrainRecipe recipe_for(const DataSettings& data, const DataSurvey& survey, const RecipeLimits& limits,
                          const TimeSteps& time);

}  // namespace moco
