// The order of writes makes a kill at any moment harmless: first the log's lines, then the checkpoint that counts them;
// the checkpoint replaces its predecessor in one rename.
#include "moco/train/loop.h"

#include <cmath>
#include <memory>

#include "moco/train/checkpoint.h"
#include "moco/train/observers.h"
#include "moco/train/resume.h"
#include "moco/train/run_loader.h"
#include "moco/train/run_log.h"
#include "moco/train/step_results.h"
#include "moco/train/tensorboard.h"
#include "moco/train/throughput.h"

namespace moco {
namespace {

class Loop {
  public:
    Loop(Task& task, const RunDescription& run, const ViewBackends& backends,
         const std::vector<RunObserver*>& observers, Communicator& comm, const StopFlag& stop);
    RunSummary run();

  private:
    bool writes() const { return comm_.rank() == 0; }
    bool stopped();
    void open_files();
    void take_up();
    bool measure_baselines();
    std::optional<EvaluationReport> evaluate(int64_t epoch);
    bool train_epoch();
    void train_one_step();
    void look_inside();
    void raise_alarms();
    void report_steps(WaitForSteps wait);
    [[noreturn]] void fail_of_loss(double loss, const IssuedStep& step) const;
    void note_unreadable(const IssuedStep& step);
    void note_images();
    void report_step(const FinishedStep& step);
    bool end_epoch();
    void save(const std::string& name);
    void save_last();
    RunPlan plan() const;

    int64_t steps_per_epoch() const { return plan_.data->count() / optimizer_.batch_size; }
    int64_t last_step() const;
    int64_t step_in_epoch() const { return progress_.step - progress_.epoch * steps_per_epoch(); }
    /// Whether the epoch's steps are done, and its end (evaluation, log line, checkpoint) is next.
    bool epoch_ends() const { return step_in_epoch() == steps_per_epoch(); }
    bool reached_max_steps() const { return run_.max_steps > 0 && progress_.step >= run_.max_steps; }
    double seconds_left() const;

    Task& task_;
    const RunDescription& description_;
    const OptimizerSettings& optimizer_;
    const RunSettings& run_;
    ViewBackends backends_;
    Observers observers_;
    Diagnostics* diagnostics_;
    Communicator& comm_;
    const StopFlag& stop_;

    const LoaderPlan plan_;
    const std::string names_;  // of the images' files
    const std::vector<ValueName>& values_;
    std::filesystem::path folder_;
    std::optional<RunFolder> written_;  // of rank 0
    TrainingProgress progress_;
    bool unsaved_ = true;  // the same on all ranks
    int64_t saved_step_ = 0;
    std::optional<RunLog> log_;
    std::optional<TensorBoard> tensorboard_;
    std::unique_ptr<Loader> loader_;
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

Loop::Loop(Task& task, const RunDescription& run, const ViewBackends& backends,
           const std::vector<RunObserver*>& observers, Communicator& comm, const StopFlag& stop)
    : task_(task),
      description_(run),
      optimizer_(run.settings.optimizer),
      run_(run.settings.run),
      backends_(backends),
      observers_(observers),
      diagnostics_(run.diagnostics),
      comm_(comm),
      stop_(stop),
      plan_(task.loader_plan()),
      names_(plan_.data->names_digest()),
      values_(task.value_names()),
      folder_(run_folder(run.settings)),
      results_(run_.log_every) {
    check(plan_.data->count() >= optimizer_.batch_size, "--data {} has {} images, fewer than one --batch-size {}",
          run.settings.data.spec, plan_.data->count(), optimizer_.batch_size);
    check(optimizer_.batch_size % comm.size() == 0, "--batch-size {} does not divide among {} processes",
          optimizer_.batch_size, comm.size());
    progress_.sums.resize(values_.size());
    if (diagnostics_ != nullptr) observers_.put_last(*diagnostics_);
    if (writes()) written_.emplace(run.settings, run.start);
    if (!run_.init.empty() && !has_checkpoint(folder_)) task_.warm_start(run_.init);
    take_up();
    if (writes()) open_files();
}

/// Settings come last: those of a resume that is refused must not replace the run's.
void Loop::open_files() {
    log_.emplace(folder_ / kMetricsFile, progress_.log_lines);
    tensorboard_.emplace(folder_);
    written_->made(tensorboard_->path());
    written_->write_settings(description_.table, description_.command);
    observers_.put_first(*tensorboard_);
    observers_.put_first(*log_);
}

/// Whether any rank was asked to stop: all must leave at the same step.
bool Loop::stopped() {
    if (comm_.size() == 1) return stop_;
    Tensor asked = Tensor::full({1}, stop_ ? 1.0f : 0.0f, backends_.trains);
    comm_.all_reduce_mean(asked);
    return asked.item() > 0;
}

/// Loads the run's last checkpoint, if there is one.
void Loop::take_up() {
    if (!has_checkpoint(folder_)) return;
    const std::filesystem::path file = folder_ / kLastCheckpoint;
    const CheckpointInfo info = read_checkpoint_info(file);
    check_same_run(file, info.header, description_.table, trained_on(*plan_.data));
    progress_ = load_checkpoint(file, values_, [&](StateVisitor& visitor) { task_.visit(visitor); });
    check_not_beyond(file, progress_.step, run_);
    if (diagnostics_ != nullptr) diagnostics_->take_up(file, folder_, progress_.log_lines);
    unsaved_ = false;
    saved_step_ = progress_.step;
    summary_.checkpoint = file;
    Backend& backend = backends_.trains;
    if (info.header.instruction_set == backend.instruction_set()) backend.set_tuning(info.header.tuning);
    for (const std::string& note :
         {other_bits(file, info.header, backends_), other_files(file, info.header, names_),
          longer_cosine(file, info.header, task_.schedule(), progress_.step, steps_per_epoch())}) {
        if (!note.empty()) observers_.note(note);
    }
}

RunSummary Loop::run() {
    for (const std::string& sentence : task_.notes()) observers_.note(sentence);
    observers_.run_starts(plan());
    bool goes_on = measure_baselines();
    if (progress_.step == 0) save_last();
    while (goes_on && progress_.epoch < optimizer_.epochs && (!reached_max_steps() || epoch_ends())) {
        goes_on = train_epoch();
    }
    save_last();
    if (written_) written_->keep();
    summary_.end = goes_on ? RunEnd::finished : RunEnd::stopped;
    summary_.step = progress_.step;
    summary_.seconds = process_time_.seconds();
    summary_.folder = folder_;
    return summary_;
}

/// False if the run was stopped meanwhile. Measured once, before the first step.
bool Loop::measure_baselines() {
    if (progress_.log_lines > 0 || progress_.step > 0 || !task_.evaluation_due(0)) return true;
    const std::optional<EvaluationReport> report = evaluate(0);
    if (!report) return false;
    summary_.baselines = report;
    observers_.baselines(*report);
    if (log_) progress_.log_lines = log_->lines();
    unsaved_ = true;
    return true;
}

/// Nothing if the run was stopped meanwhile.
std::optional<EvaluationReport> Loop::evaluate(int64_t epoch) {
    task_.prepare_to_save(comm_);
    const Stopwatch watch;
    std::optional<EvaluationReport> report =
        task_.evaluate({epoch, progress_.step, writes() ? folder_ : "", stop_,
                        [this](const std::string& what) { observers_.evaluating(what); },
                        [this](const std::string& sentence) { observers_.note(sentence); }});
    note_images();
    if (comm_.size() > 1 && stopped()) return std::nullopt;
    if (report) report->seconds = watch.seconds();
    return report;
}

/// Trains to the epoch's end (or --max-steps); false if the run was stopped.
bool Loop::train_epoch() {
    while (!epoch_ends()) {
        if (reached_max_steps()) return true;
        if (stopped()) return false;
        train_one_step();
        if (run_.checkpoint_every_steps > 0 && progress_.step % run_.checkpoint_every_steps == 0) save_last();
    }
    return end_epoch();
}

/// Gives the device a step, and reports those that are done.
void Loop::train_one_step() {
    if (results_.empty()) step_time_ = Stopwatch();
    const int64_t epoch = progress_.epoch, step = step_in_epoch();
    if (!loader_) loader_ = make_loader(plan_, description_.settings, comm_, backends_, epoch, step);
    const Batch batch = loader_->next();
    note_images();
    const float lr = learning_rate(task_.schedule(), epoch, step, steps_per_epoch());
    if (diagnostics_ != nullptr) diagnostics_->before_step(batch, progress_.step + 1);
    StepValues values = task_.step(batch, {epoch, step, lr});
    for (StepValue& value : values) comm_.all_reduce_mean(value.tensor);
    ++progress_.step;
    unsaved_ = true;
    results_.add({epoch + 1, progress_.step, step + 1, lr, batch.unreadable}, values);
    report_steps(WaitForSteps::when_behind);
    look_inside();
}

void Loop::look_inside() {
    if (diagnostics_ == nullptr || !diagnostics_->due()) return;
    report_steps(WaitForSteps::always);
    DiagnosticsReport report = diagnostics_->after_step();
    report.epoch = progress_.epoch + 1;
    report.step = progress_.step;
    if (!report.empty()) observers_.diagnosed(report);
    raise_alarms();
}

void Loop::raise_alarms() {
    if (diagnostics_ == nullptr || !writes()) return;
    for (const Alarm& alarm : diagnostics_->new_alarms())
        observers_.alarmed(progress_.epoch + 1, progress_.step, alarm);
}

void Loop::report_steps(WaitForSteps wait) {
    while (const std::optional<FinishedStep> finished = results_.take(wait)) {
        const IssuedStep& step = finished->step;
        note_unreadable(step);
        const double loss = finished->values.front();
        if (!std::isfinite(loss)) fail_of_loss(loss, step);
        if (written_) written_->keep();
        ++progress_.epoch_steps;
        for (size_t i = 0; i < values_.size(); ++i) progress_.sums[i] += finished->values[i];
        report_step(*finished);
    }
}

/// The first step's loss knows no rate yet.
void Loop::fail_of_loss(double loss, const IssuedStep& step) const {
    check(step.step > 1,
          "the loss is {} at the first step: the run stops and leaves nothing behind; a temperature, the weights of "
          "--init or images that are out of range may be the reason",
          loss);
    fail("the loss is {} at step {} (epoch {}): the run stops; {} holds step {}; a lower --lr (now {}) may help", loss,
         step.step, step.epoch, summary_.checkpoint.string(), saved_step_,
         text_of(description_.table.find("lr")->get()));
}

void Loop::note_unreadable(const IssuedStep& step) {
    for (const Unreadable& image : step.unreadable) {
        observers_.unreadable(step.epoch, step.step, image);
        observers_.note(fmt::format("image {} cannot be read and is replaced: {}", image.path, image.reason));
        ++progress_.epoch_skipped;
        ++summary_.skipped_images;
    }
}

/// What is worth saying of the images read so far.
void Loop::note_images() {
    for (const std::string& sentence : plan_.data->take_notes()) observers_.note(sentence);
}

void Loop::report_step(const FinishedStep& finished) {
    const double seconds = step_time_.seconds();
    step_time_ = Stopwatch();
    epoch_here_.seconds += seconds;
    ++epoch_here_.steps;
    throughput_.add(seconds);
    StepReport report;
    report.epoch = finished.step.epoch;
    report.step = finished.step.step;
    report.step_in_epoch = finished.step.step_in_epoch;
    report.values = finished.values;
    report.lr = finished.step.lr;
    report.images_per_s = static_cast<double>(optimizer_.batch_size) / throughput_.seconds_per_step();
    report.seconds_left = seconds_left();
    report.logged = report.step % run_.log_every == 0;
    observers_.step_done(report);
}

/// The epoch's evaluation, log line and checkpoint; false if the run was stopped meanwhile (a resume makes up for it).
bool Loop::end_epoch() {
    report_steps(WaitForSteps::always);
    EpochReport report;
    report.epoch = progress_.epoch + 1;
    if (task_.evaluation_due(report.epoch)) {
        report.evaluation = evaluate(report.epoch);
        if (!report.evaluation) return false;
        summary_.evaluation = report.evaluation;
    }
    report.step = progress_.step;
    for (const double sum : progress_.sums) report.values.push_back(sum / static_cast<double>(progress_.epoch_steps));
    report.lr = learning_rate(task_.schedule(), progress_.epoch, steps_per_epoch() - 1, steps_per_epoch());
    report.skipped_images = progress_.epoch_skipped;
    report.seconds = epoch_here_.seconds;
    if (epoch_here_.steps > 0) {
        report.images_per_s = static_cast<double>(epoch_here_.steps * optimizer_.batch_size) / epoch_here_.seconds;
        report.waited_s = loader_->seconds_waited() - waited_before_;
        waited_before_ = loader_->seconds_waited();
    }
    observers_.epoch_done(report);
    raise_alarms();
    epoch_here_ = {};
    TrainingProgress next;
    next.epoch = progress_.epoch + 1;
    next.step = progress_.step;
    next.sums.resize(values_.size());
    progress_ = next;
    unsaved_ = true;
    if (run_.keep_every > 0 && report.epoch % run_.keep_every == 0) save(kept_checkpoint_name(report.epoch));
    save_last();
    return true;
}

/// All steps are reported before, so that their losses are known to be finite and their log lines are counted.
void Loop::save(const std::string& name) {
    report_steps(WaitForSteps::always);
    task_.prepare_to_save(comm_);
    if (!writes()) return;
    observers_.flush();
    progress_.log_lines = log_->lines();
    const CheckpointHeader header = header_of_run(description_.command, description_.table, task_, backends_, names_);
    save_checkpoint(folder_ / name, header, progress_, values_, [&](StateVisitor& visitor) {
        task_.visit(visitor);
        if (diagnostics_ != nullptr) diagnostics_->visit(visitor);
    });
    observers_.checkpoint_saved(folder_ / name);
}

/// Does nothing when nothing happened since the last time.
void Loop::save_last() {
    if (!unsaved_) return;
    save(kLastCheckpoint);
    unsaved_ = false;
    saved_step_ = progress_.step;
    summary_.checkpoint = folder_ / kLastCheckpoint;
}

double Loop::seconds_left() const {
    const double training = static_cast<double>(last_step() - progress_.step) * throughput_.seconds_per_step();
    const std::optional<EvaluationReport>& known = summary_.evaluation ? summary_.evaluation : summary_.baselines;
    if (!known) return training;
    double evaluations = 0;
    for (int64_t epoch = progress_.epoch + 1; epoch <= last_step() / steps_per_epoch(); ++epoch) {
        if (task_.evaluation_due(epoch)) ++evaluations;
    }
    return training + evaluations * known->seconds;
}

int64_t Loop::last_step() const {
    const int64_t all = optimizer_.epochs * steps_per_epoch();
    return run_.max_steps > 0 ? std::min(all, run_.max_steps) : all;
}

RunPlan Loop::plan() const {
    RunPlan plan;
    plan.folder = folder_;
    plan.title = task_.title();
    plan.about = task_.about();
    plan.values = values_;
    plan.data = plan_.data->info().name;
    plan.train_images = plan_.data->count();
    plan.epochs = optimizer_.epochs;
    plan.steps_per_epoch = steps_per_epoch();
    plan.first_step = progress_.step + 1;
    plan.last_step = last_step();
    plan.batch_size = optimizer_.batch_size;
    if (epoch_ends() && progress_.epoch < optimizer_.epochs) plan.ending_epoch = progress_.epoch + 1;
    return plan;
}

}  // namespace

RunSummary train(Task& task, const RunDescription& run, const ViewBackends& backends,
                 const std::vector<RunObserver*>& observers, Communicator& comm, const StopFlag& stop) {
    return Loop(task, run, backends, observers, comm, stop).run();
}

}  // namespace moco
