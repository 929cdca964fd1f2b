#include "apps/ablation_estimate.h"

#include <algorithm>
#include <map>
#include <memory>

#include "core/parallel.h"
#include "moco/study/ablation_pool.h"
#include "moco/study/step_timing.h"
#include "moco/tasks/pretraining.h"

namespace moco::apps {
namespace {

constexpr double kSecondsEach = 1;
constexpr int64_t kMostTimed = 256;        // images of a step that is timed
constexpr double kForwardShare = 1.0 / 4;  // of a step's time: two passes forward, one backward that counts two
constexpr double kLogBytes = 300'000;      // of a run: its log, TensorBoard's, settings, results

/// The settings that decide how long a step takes; runs that differ in others are as fast as each other.
std::string speed_of(PretrainSettings settings) {
    std::string text;
    const SettingTable table = table_of(settings);
    for (const char* name : {"data", "arch", "width", "stem", "image-size", "mlp", "symmetric", "mechanism",
                             "batch-size", "accumulate", "conv", "precision"}) {
        const Setting* row = table.find(name);
        if (row != nullptr) text += text_of(row->get()) + " ";
    }
    return text;
}

/// Bytes of the run's state, which a checkpoint holds.
double checkpoint_bytes(const PretrainSettings& settings, const Splits& data, Backend& backend) {
    class Counter final : public StateVisitor {
      public:
        void tensor(const NamedTensor& named) override { bytes += static_cast<double>(named.tensor.count() * 4); }
        void integer(const std::string&, int64_t&, int64_t) override {}
        double bytes = 0;
    } counter;
    SingleProcess comm;
    Pretraining(settings, data, backend, comm).visit(counter);
    return counter.bytes;
}

/// Seconds that are left of a run.
double seconds_left(const AblationJob& job, const JobOptions& options, const Splits& data, double images_per_s) {
    const PretrainSettings& s = job.run.settings;
    const RunProgress progress = progress_of(pooled_run(options.dir, job.run.key), s);
    const auto evaluation = [&] {
        const int64_t images = data.train->count() + (data.test ? data.test->count() : 0);
        return job.labels == Labels::there ? kForwardShare * static_cast<double>(images) / images_per_s : 0.0;
    }();
    if (progress.state == RunState::done) return 2 * evaluation;
    const int64_t steps = pretraining_part(data)->count() / s.optimizer.batch_size;
    const int64_t epochs = s.optimizer.epochs - progress.epochs;
    int64_t images = epochs * steps * s.optimizer.batch_size;
    if (s.run.max_steps > 0) images = std::min(images, s.run.max_steps * s.optimizer.batch_size);
    const double evaluations = s.knn.every > 0 ? static_cast<double>(epochs / s.knn.every) : 0;
    return static_cast<double>(images) / images_per_s + (evaluations + 2) * evaluation;
}

}  // namespace

const Splits& OpenedData::of(const DataSettings& data) {
    for (const auto& one : opened_) {
        if (one.first == data) return *one.second;
    }
    opened_.emplace_back(data, std::make_unique<Splits>(open_dataset(data)));
    return *opened_.back().second;
}

AblationEstimate estimate(const std::vector<AblationJob>& jobs, const JobOptions& options, OpenedData& data,
                          Backend& backend) {
    set_threads(options.threads);
    std::map<std::string, double> speeds;
    AblationEstimate sum;
    for (const AblationJob& job : jobs) {
        const PretrainSettings& s = job.run.settings;
        if (next_stage(job, options) == JobStage::nothing) continue;
        const Splits& splits = data.of(s.data);
        const auto [speed, fresh] = speeds.emplace(speed_of(s), 0);
        if (fresh) {
            PretrainSettings timed = s;
            timed.machine.workers = 0;
            configure(backend, s.run);
            speed->second = time_steps(timed, splits, ViewBackends(backend), kMostTimed, kSecondsEach).images_per_s;
        }
        sum.hours += seconds_left(job, options, splits, speed->second) / 3600 / options.at_a_time;
        const RunState state = progress_of(pooled_run(options.dir, job.run.key), s).state;
        const int64_t kept = s.run.keep_every > 0 ? s.optimizer.epochs / s.run.keep_every : 0;
        if (state == RunState::absent) {
            sum.bytes += kLogBytes + static_cast<double>(1 + kept) * checkpoint_bytes(s, splits, backend);
        }
    }
    return sum;
}

}  // namespace moco::apps
