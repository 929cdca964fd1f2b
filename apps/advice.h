// What somebody who starts a run may want to know before it goes on for hours.
#pragma once

#include <string>
#include <vector>

#include "moco/tasks/pretrain_settings.h"
#include "moco/train/task.h"

namespace moco::apps {

/// Sentences about the method's settings.
std::vector<std::string> method_advice(const PretrainSettings& settings);
std::vector<std::string> method_advice(const TrainSettings& settings);

/// Sentences about how the settings and the images fit together.
std::vector<std::string> data_advice(const TrainSettings& settings, const LoaderPlan& plan);

}  // namespace moco::apps
