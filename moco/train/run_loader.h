// The loader that a run's batches come from.
#pragma once

#include <memory>

#include "core/communicator.h"
#include "moco/data/loader.h"
#include "moco/train/settings/train_settings.h"
#include "moco/train/task.h"

namespace moco {

/// Of this rank's images, from that step of that epoch on (both counted from 0). Throws Error as Loader.
std::unique_ptr<Loader> make_loader(const LoaderPlan& plan, const TrainSettings& settings, const Communicator& comm,
                                    const ViewBackends& backends, int64_t epoch, int64_t step);

}  // namespace moco
