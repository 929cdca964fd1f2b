#include "moco/train/run_loader.h"

namespace moco {

std::unique_ptr<Loader> make_loader(const LoaderPlan& plan, const TrainSettings& settings, const Communicator& comm,
                                    const ViewBackends& backends, int64_t epoch, int64_t step) {
    LoaderOptions options;
    options.batch = settings.optimizer.batch_size / comm.size();
    options.size = plan.size;
    options.positive = plan.positive;
    options.seed = settings.run.seed;
    options.workers = static_cast<int>(settings.machine.workers);
    options.start_epoch = epoch;
    options.start_step = step;
    options.epochs = settings.optimizer.epochs;
    options.rank = comm.rank();
    options.world = comm.size();
    return std::make_unique<Loader>(plan.data, plan.views, options, backends);
}

}  // namespace moco
