#include "moco/study/step_timing.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "moco/tasks/pretraining.h"

namespace moco {
namespace {

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double peak_bytes() {
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

LoaderOptions loader_options(const PretrainSettings& s) {
    LoaderOptions options;
    options.batch = s.optimizer.batch_size;
    options.size = s.views.image_size;
    options.seed = s.run.seed;
    options.workers = static_cast<int>(s.machine.workers);
    options.epochs = std::numeric_limits<int32_t>::max();
    return options;
}

}  // namespace

StepTiming time_steps(PretrainSettings settings, const Splits& data, const ViewBackends& backends, int64_t batch,
                      double seconds) {
    settings.optimizer.batch_size = std::min({batch, settings.optimizer.batch_size, pretraining_part(data)->count()});
    settings.method.bn_splits = 1;
    settings.knn.every = 0;
    const double before = peak_bytes();
    SingleProcess comm;
    Pretraining task(settings, data, backends.trains, comm);
    const LoaderPlan plan = task.loader_plan();
    LoaderOptions options = loader_options(settings);
    options.positive = plan.positive;
    Loader loader(plan.data, plan.views, options, backends);
    StepTiming timing;
    timing.batch = settings.optimizer.batch_size;
    const auto step = [&] { task.step(loader.next(), {0, 0, 0.0f}).front().tensor.item(); };
    step();  // memory and plans are made
    const double began = now();
    do {
        step();
        ++timing.steps;
    } while (now() - began < seconds);
    timing.images_per_s = static_cast<double>(timing.steps * timing.batch) / (now() - began);
    if (backends.trains.name() == "cpu") timing.bytes = (peak_bytes() - before) / static_cast<double>(timing.batch);
    return timing;
}

}  // namespace moco
