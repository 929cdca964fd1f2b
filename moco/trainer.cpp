// The loop around the training step. The order of writes makes a kill at any moment harmless: first the log's lines,
// then the checkpoint that counts them; the checkpoint replaces its predecessor in one rename.
#include "moco/trainer.h"

#include <cmath>
#include <memory>

#include "core/communicator.h"
#include "core/conv_algorithm.h"
#include "moco/checkpoint.h"
#include "moco/config_lookup.h"
#include "moco/data/loader.h"
#include "moco/eval/knn_monitor.h"
#include "moco/model.h"
#include "moco/recorded_step.h"
#include "moco/run_folder.h"
#include "moco/step_results.h"
#include "moco/study/run_log.h"
#include "moco/study/tensorboard.h"
#include "moco/study/throughput.h"
#include "moco/train_step.h"
#include "nn/schedule.h"

namespace moco {
namespace {

const RunConfig& validated(const RunConfig& config, const Splits& data) {
    validate(config, data.pretrain->info());
    return config;
}

/// Holds the settings of a run against those of its checkpoint; a run may only have become longer.
void check_same_run(const RunConfig& config, const TrainedOn& trained_on, const CheckpointInfo& checkpoint,
                    const std::filesystem::path& file) {
    for (const ConfigOption& option : config_options()) {
        const OptionValue now = option.get(config), then = option.get(checkpoint.config);
        if (option.decides != Decides::method || option.on_resume == OnResume::may_grow || now == then) continue;
        fail("{} was trained with {} = {}, the run's {} says {}; a resume may not change it", file.string(),
             option.name, text_of(then), kConfigFile, text_of(now));
    }
    const TrainedOn& then = checkpoint.trained_on;
    check(trained_on == then,
          "{} was trained on {} ({} images of {} channels), --data is {} ({} images of {} channels)", file.string(),
          then.data, then.images, then.in_channels, trained_on.data, trained_on.images, trained_on.in_channels);
}

class Training {
  public:
    Training(const RunConfig& config, RunStart start, const Splits& data, const ViewBackends& backends,
             ProgressObserver& observer, const std::atomic<bool>& stop);
    RunSummary run();

  private:
    void take_up();
    void note_other_bits(const std::filesystem::path& file, const CheckpointInfo& info);
    bool measure_baselines();
    bool train_epoch();
    void train_one_step();
    StepResult compute_step(const Views& x, const StepNumbers& numbers);
    std::unique_ptr<Loader> make_loader(int64_t epoch, int64_t step) const;
    void report_steps(WaitForSteps wait);
    void note_unreadable(const IssuedStep& step);
    void report_step(const FinishedStep& step);
    bool end_epoch();
    void save(const std::string& name);
    void save_last();
    RunPlan plan() const;

    int64_t steps_per_epoch() const { return data_.pretrain->count() / config_.batch_size; }
    int64_t last_step() const;
    int64_t step_in_epoch() const { return progress_.step - progress_.epoch * steps_per_epoch(); }
    bool reached_max_steps() const { return config_.max_steps > 0 && progress_.step >= config_.max_steps; }
    double seconds_left() const;

    const RunConfig& config_;
    const Splits& data_;
    ViewBackends backends_;
    Backend& backend_;
    ProgressObserver& observer_;
    const std::atomic<bool>& stop_;

    TrainedOn trained_on_;
    Moco moco_;
    Schedule schedule_;
    SingleProcess comm_;
    StepClock no_clock_;
    std::optional<KnnMonitor> knn_;
    std::filesystem::path folder_;
    TrainingProgress progress_;
    std::optional<TrainingProgress> saved_;
    std::optional<RunLog> log_;
    std::optional<EventWriter> events_;
    std::unique_ptr<Loader> loader_;
    std::optional<RecordedStep> recorded_step_;
    StepResults results_;

    // Of this process, for the reports.
    RunSummary summary_;
    Stopwatch process_time_, step_time_;
    Throughput throughput_;
    double waited_before_ = 0;
    struct {
        double seconds = 0;
        int64_t steps = 0;
    } epoch_here_;
};

Training::Training(const RunConfig& config, RunStart start, const Splits& data, const ViewBackends& backends,
                   ProgressObserver& observer, const std::atomic<bool>& stop)
    : config_(validated(config, data)),
      data_(data),
      backends_(backends),
      backend_(backends.trains),
      observer_(observer),
      stop_(stop),
      trained_on_{data.pretrain->info().name, data.pretrain->info().channels, data.pretrain->count()},
      moco_(encoder_config(config, trained_on_.in_channels), config.moco_k,
            {static_cast<float>(config.momentum), static_cast<float>(config.wd)}, config.seed, backend_),
      schedule_(learning_rate_schedule(config)),
      results_(config.log_every) {
    backend_.set_conv_algorithm(conv_algorithm_from_name(config.conv));
    backend_.set_precision(precision_from_name(config.precision));
    if (config.cuda_graph) recorded_step_.emplace(moco_, config.symmetric ? StepKind::symmetric : StepKind::one_way);
    if (config.knn_every > 0 && KnnMonitor::monitors(data)) knn_.emplace(data, config_, backend_, observer);
    // First, so that a file that does not fit leaves no folder behind.
    if (!config.init.empty() && !has_checkpoint(run_folder(config))) {
        warm_start(config.init, moco_);
    }
    folder_ = prepare_run_folder(config, start);
    take_up();
    log_.emplace(folder_ / kMetricsFile, progress_.log_lines);
    events_.emplace(folder_);
}

/// Loads the run's last checkpoint, if there is one.
void Training::take_up() {
    if (!has_checkpoint(folder_)) return;
    const std::filesystem::path file = folder_ / kLastCheckpoint;
    const CheckpointInfo info = read_checkpoint_info(file);
    check_same_run(config_, trained_on_, info, file);
    progress_ = load_checkpoint(file, moco_);
    saved_ = progress_;
    summary_.checkpoint = file;
    if (info.instruction_set == backend_.instruction_set()) backend_.set_tuning(info.tuning);
    note_other_bits(file, info);
}

/// Says why the run would have gone on to other bits where it was.
void Training::note_other_bits(const std::filesystem::path& file, const CheckpointInfo& info) {
    const std::string_view made_on = info.views_made_on, make_on = backends_.augments.name();
    if (info.instruction_set != backend_.instruction_set()) {
        observer_.note(
            fmt::format("{} was written on {}, this machine computes with {}: the run goes on, but not to "
                        "the same bits",
                        file.string(), info.instruction_set, backend_.instruction_set()));
    } else if (!made_on.empty() && made_on != make_on) {
        observer_.note(
            fmt::format("{} was trained on views made on {}, from now on they are made on {}: the same draws, but "
                        "values that differ by up to 2/255, so the run does not go on to the same bits",
                        file.string(), made_on, make_on));
    }
}

RunSummary Training::run() {
    if (config_.knn_every > 0 && !knn_) {
        observer_.note(fmt::format("--data {} has no labelled training and test part: no kNN monitor", config_.data));
    }
    observer_.run_starts(plan());
    bool goes_on = measure_baselines();
    if (progress_.step == 0) save_last();
    while (goes_on && progress_.epoch < config_.epochs && !reached_max_steps()) goes_on = train_epoch();
    save_last();
    summary_.end = goes_on ? RunEnd::finished : RunEnd::stopped;
    summary_.step = progress_.step;
    summary_.seconds = process_time_.seconds();
    return summary_;
}

/// False if the run was stopped meanwhile. Measured once, before the first step.
bool Training::measure_baselines() {
    if (!knn_ || !config_.knn_baselines || progress_.log_lines > 0) return true;
    const Stopwatch watch;
    const std::optional<double> pixels = knn_->evaluate_pixels(stop_);
    std::optional<KnnReport> report = pixels ? knn_->evaluate(moco_.f_q, stop_) : std::nullopt;
    if (!report) return false;
    report->pixels = pixels;
    report->seconds = watch.seconds();
    log_->baselines(*report);
    progress_.log_lines = log_->lines();
    summary_.baselines = report;
    observer_.baselines(*report);
    return true;
}

/// Trains to the epoch's end (or --max-steps); false if the run was stopped.
bool Training::train_epoch() {
    while (step_in_epoch() < steps_per_epoch()) {
        if (reached_max_steps()) return true;
        if (stop_) return false;
        train_one_step();
        if (config_.checkpoint_every_steps > 0 && progress_.step % config_.checkpoint_every_steps == 0) save_last();
    }
    return end_epoch();
}

/// Gives the device a step, and reports those that are done.
void Training::train_one_step() {
    if (results_.empty()) step_time_ = Stopwatch();
    const int64_t epoch = progress_.epoch, step = step_in_epoch();
    if (!loader_) loader_ = make_loader(epoch, step);
    const Batch batch = loader_->next();

    StepNumbers numbers;
    numbers.lr = learning_rate(schedule_, epoch, step, steps_per_epoch());
    numbers.m = static_cast<float>(config_.moco_m);
    numbers.T = static_cast<float>(config_.moco_t);
    for (size_t view = 0; config_.shuffle_bn && view < numbers.orders.size(); ++view) {
        numbers.orders[view] =
            draw_shuffle_order(config_.batch_size, config_.seed, epoch, step, static_cast<int>(view));
    }
    const StepResult result = compute_step({batch.query, batch.key}, numbers);
    ++progress_.step;
    results_.add({epoch + 1, progress_.step, step + 1, numbers.lr, batch.unreadable}, result);
    report_steps(WaitForSteps::when_behind);
}

StepResult Training::compute_step(const Views& x, const StepNumbers& numbers) {
    if (recorded_step_) return recorded_step_->run(x, numbers);
    const auto step_function = config_.symmetric ? symmetric_train_step : train_step;
    return step_function(moco_, x, numbers, comm_, no_clock_);
}

void Training::report_steps(WaitForSteps wait) {
    while (const std::optional<FinishedStep> finished = results_.take(wait)) {
        const IssuedStep& step = finished->step;
        note_unreadable(step);
        check(std::isfinite(finished->loss),
              "the loss is {} at step {} (epoch {}): the run stops; {} holds step {}; a lower --lr (now {}) may help",
              finished->loss, step.step, step.epoch, summary_.checkpoint.string(), saved_->step, config_.lr);
        ++progress_.epoch_steps;
        progress_.epoch_loss += finished->loss;
        progress_.epoch_accuracy += finished->accuracy;
        report_step(*finished);
    }
}

std::unique_ptr<Loader> Training::make_loader(int64_t epoch, int64_t step) const {
    LoaderOptions options;
    options.batch = config_.batch_size;
    options.size = config_.image_size;
    options.seed = config_.seed;
    options.workers = static_cast<int>(config_.workers);
    options.start_epoch = epoch;
    options.start_step = step;
    options.epochs = config_.epochs;
    return std::make_unique<Loader>(data_.pretrain, augmentation_recipe(config_), options, backends_);
}

void Training::note_unreadable(const IssuedStep& step) {
    for (const Unreadable& image : step.unreadable) {
        log_->unreadable(step.epoch, step.step, image);
        observer_.note(fmt::format("image {} cannot be read and is replaced: {}", image.path, image.reason));
        ++progress_.epoch_skipped;
        ++summary_.skipped_images;
    }
}

void Training::report_step(const FinishedStep& finished) {
    const double seconds = step_time_.seconds();
    step_time_ = Stopwatch();
    epoch_here_.seconds += seconds;
    ++epoch_here_.steps;
    throughput_.add(seconds);
    StepReport report;
    report.epoch = finished.step.epoch;
    report.step = finished.step.step;
    report.step_in_epoch = finished.step.step_in_epoch;
    report.loss = finished.loss;
    report.contrast_accuracy = finished.accuracy;
    report.lr = finished.step.lr;
    report.images_per_s = static_cast<double>(config_.batch_size) / throughput_.seconds_per_step();
    report.seconds_left = seconds_left();
    report.logged = report.step % config_.log_every == 0;
    if (report.logged) {
        log_->step(report);
        events_->scalar("train/loss", report.step, report.loss);
        events_->scalar("train/contrast_accuracy", report.step, report.contrast_accuracy);
        events_->scalar("train/lr", report.step, report.lr);
        events_->scalar("train/images_per_s", report.step, report.images_per_s);
        events_->flush();
    }
    observer_.step_done(report);
}

/// The epoch's evaluation, log line and checkpoint; false if the run was stopped meanwhile (a resume makes up for it).
bool Training::end_epoch() {
    report_steps(WaitForSteps::always);
    EpochReport report;
    report.epoch = progress_.epoch + 1;
    if (knn_ && (report.epoch % config_.knn_every == 0 || report.epoch == config_.epochs)) {
        report.knn = knn_->evaluate(moco_.f_q, stop_);
        if (!report.knn) return false;
        summary_.knn = report.knn;
    }
    const double steps = static_cast<double>(progress_.epoch_steps);
    report.step = progress_.step;
    report.loss = progress_.epoch_loss / steps;
    report.contrast_accuracy = progress_.epoch_accuracy / steps;
    report.lr = learning_rate(schedule_, progress_.epoch, steps_per_epoch() - 1, steps_per_epoch());
    report.skipped_images = progress_.epoch_skipped;
    report.seconds = epoch_here_.seconds;
    if (epoch_here_.steps > 0) {
        report.images_per_s = static_cast<double>(epoch_here_.steps * config_.batch_size) / epoch_here_.seconds;
        report.waited_s = loader_->seconds_waited() - waited_before_;
        waited_before_ = loader_->seconds_waited();
    }
    log_->epoch(report);
    events_->scalar("epoch/loss", report.epoch, report.loss);
    events_->scalar("epoch/contrast_accuracy", report.epoch, report.contrast_accuracy);
    if (report.knn) {
        events_->scalar("knn/backbone", report.epoch, *report.knn->backbone);
        events_->scalar("knn/projection", report.epoch, *report.knn->projection);
    }
    epoch_here_ = {};
    progress_ = {.epoch = progress_.epoch + 1, .step = progress_.step};
    if (config_.keep_every > 0 && report.epoch % config_.keep_every == 0) save(kept_checkpoint_name(report.epoch));
    save_last();
    observer_.epoch_done(report);
    return true;
}

/// All steps are reported before, so that their losses are known to be finite and their log lines are counted.
void Training::save(const std::string& name) {
    report_steps(WaitForSteps::always);
    log_->flush();
    events_->flush();
    progress_.log_lines = log_->lines();
    save_checkpoint(folder_ / name, moco_, config_, trained_on_, progress_);
    observer_.checkpoint_saved(folder_ / name);
}

/// Does nothing when nothing happened since the last time.
void Training::save_last() {
    if (saved_ == progress_) return;
    save(kLastCheckpoint);
    saved_ = progress_;
    summary_.checkpoint = folder_ / kLastCheckpoint;
}

double Training::seconds_left() const {
    const double training = static_cast<double>(last_step() - progress_.step) * throughput_.seconds_per_step();
    const std::optional<KnnReport>& known = summary_.knn ? summary_.knn : summary_.baselines;
    if (!knn_ || !known) return training;
    const int64_t epochs = last_step() / steps_per_epoch();
    const int64_t evaluations =
        (epochs + config_.knn_every - 1) / config_.knn_every - progress_.epoch / config_.knn_every;
    return training + static_cast<double>(evaluations) * known->seconds;
}

int64_t Training::last_step() const {
    const int64_t all = config_.epochs * steps_per_epoch();
    return config_.max_steps > 0 ? std::min(all, config_.max_steps) : all;
}

RunPlan Training::plan() const {
    RunPlan plan;
    plan.folder = folder_;
    plan.data = trained_on_.data;
    plan.train_images = data_.pretrain->count();
    plan.test_images = knn_ ? data_.test->count() : 0;
    plan.epochs = config_.epochs;
    plan.steps_per_epoch = steps_per_epoch();
    plan.first_step = progress_.step + 1;
    plan.last_step = last_step();
    plan.batch_size = config_.batch_size;
    for (const NamedTensor& parameter : moco_.f_q_parameters.parameters()) plan.parameters += parameter.tensor.count();
    const int64_t arenas = 3 * moco_.f_q_parameters.count() + moco_.f_k_parameters.count();
    plan.state_bytes = 4 * (arenas + moco_.queue.keys().count());
    return plan;
}

}  // namespace

RunSummary pretrain(const RunConfig& config, RunStart start, const Splits& data, const ViewBackends& backends,
                    ProgressObserver& observer, const std::atomic<bool>& stop) {
    return Training(config, start, data, backends, observer, stop).run();
}

}  // namespace moco
