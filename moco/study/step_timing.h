// How long a step of pretraining takes here, by doing a few.
#pragma once

#include <cstdint>

#include "moco/data/dataset.h"
#include "moco/data/make_views.h"
#include "moco/tasks/pretrain_settings.h"

namespace moco {

struct StepTiming {
    double images_per_s = 0;
    int64_t steps = 0;  // that were timed
    int64_t batch = 0;  // of each
    double bytes = 0;   // of memory that each of the batch's images takes, at most; 0 where the device has its own
};

/// Times steps of `settings` on the images themselves, decoded and augmented as in a run, with batches of `batch`
/// images at most: at least one after the first, further ones for about `seconds`. Memory is what the process' peak
/// grew by, so that of several calls the one that needs most should come last. Throws Error as Pretraining and Loader
/// do.
StepTiming time_steps(PretrainSettings settings, const Splits& data, const ViewBackends& backends, int64_t batch,
                      double seconds);

}  // namespace moco
