#include "moco/study/diagnostics.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/autograd.h"
#include "core/error.h"
#include "moco/data/subset.h"
#include "moco/train/run_folder.h"
#include "nn/safetensors.h"
#include "nn/serialize.h"
#include "ops/row_dot.h"

namespace moco {
namespace {

constexpr int64_t kMostImages = 64;  // whose keys are followed

int64_t directions_of(const PretrainSettings& settings) {
    return settings.method.symmetric ? 2 : 1;
}

RunFacts facts_of(const PretrainSettings& settings, const Dataset& images) {
    RunFacts facts;
    facts.K = settings.method.moco_k;
    facts.C = settings.method.moco_dim;
    facts.images = images.count();
    facts.directions = directions_of(settings);
    facts.keys_a_step = settings.optimizer.batch_size * facts.directions;
    facts.m = settings.method.moco_m;
    facts.T = settings.method.moco_t;
    facts.shuffled = settings.method.shuffle_bn;
    return facts;
}

/// An eighth of a batch at most, so that following them costs less than 2 % of a step: evenly spaced ones, under the
/// evaluation transform. M x H x W x channels; undefined where none can be read (what is wrong with them the loader
/// will say).
Tensor followed_images(const PretrainSettings& settings, const DatasetPtr& data, Backend& backend) {
    const int64_t wanted = std::clamp<int64_t>(settings.optimizer.batch_size / 8, 1, kMostImages),
                  count = std::min(wanted, data->count());
    std::vector<int64_t> indices;
    for (int64_t i = 0; i < count; ++i) indices.push_back(i * data->count() / count);
    EvalLoader loader(subset(data, indices, "followed"), default_transform(data->info(), settings.views.image_size),
                      {count, 0, 1, 0}, backend);
    const std::optional<EvalBatch> batch = loader.next();
    if (!batch || batch->indices.empty()) return {};
    Tensor images = Tensor::empty_like(batch->images);
    images.copy_from(batch->images);
    return images;
}

/// The gradient of all parameters, after the step that has used it.
double gradient_norm(ParameterArena& parameters) {
    constexpr int64_t kColumns = 16;  // of which the arena has a multiple
    const NoGrad no_gradient;
    const Tensor gradient = parameters.gradients().viewed_as({parameters.count() / kColumns, kColumns});
    double sum = 0;
    for (const float square : row_dot(gradient, gradient).to_vector()) sum += square;
    return std::sqrt(sum);
}

}  // namespace

PretrainingDiagnostics::PretrainingDiagnostics(Pretraining& task, const PretrainSettings& settings, const Splits& data,
                                               Backend& backend, Communicator& comm)
    : moco_(*task.moco()),
      comm_(comm),
      log_every_(settings.run.log_every),
      facts_(facts_of(settings, *pretraining_part(data))),
      queue_(pretraining_part(data), settings.method.moco_k, directions_of(settings), backend) {
    const Tensor images = looks() ? followed_images(settings, pretraining_part(data), backend) : Tensor();
    if (images.defined())
        consistency_.emplace(images, settings.method.moco_k / facts_.keys_a_step, settings.method.moco_dim);
    if (!settings.machine.cuda_graph) moco_.clock = this;
}

PretrainingDiagnostics::~PretrainingDiagnostics() {
    if (moco_.clock == this) moco_.clock = nullptr;
}

/// In the order in which the keys enter the queue. A number goes as two that f32 holds exactly.
std::vector<int64_t> PretrainingDiagnostics::indices_of_all_ranks(const Batch& batch) {
    if (comm_.size() == 1) return batch.indices;
    constexpr int64_t kHalf = 1 << 20;
    std::vector<float> halves;
    for (const int64_t index : batch.indices) {
        halves.push_back(static_cast<float>(index / kHalf));
        halves.push_back(static_cast<float>(index % kHalf));
    }
    const Tensor own = Tensor::from_host(halves, {std::ssize(batch.indices), 2}, moco_.queue.keys().backend());
    std::vector<int64_t> indices;
    const std::vector<float> all = comm_.all_gather_rows(own).to_vector();
    for (size_t i = 0; i < all.size(); i += 2)
        indices.push_back(static_cast<int64_t>(all[i]) * kHalf + static_cast<int64_t>(all[i + 1]));
    return indices;
}

void PretrainingDiagnostics::before_step(const Batch& batch, int64_t step) {
    const std::vector<int64_t> indices = indices_of_all_ranks(batch);
    step_ = step;
    report_ = {};
    if (!looks()) return;
    queue_.before_step(indices, moco_.queue.pointer(), step, report_);
    similarities_wanted_ = step % log_every_ == 0;
    due_ = similarities_wanted_ || follows(step) || QueueWatch::due(step);
}

void PretrainingDiagnostics::compared(const Tensor& q, const Tensor& k, const Tensor& negatives) {
    if (similarities_wanted_ && !similarities_.has_taken()) similarities_.take(q, k, negatives);
}

void PretrainingDiagnostics::report_loss(DiagnosticsReport& report) {
    const auto add = [&](const char* name, const char* text, double value) {
        report.values.push_back({name, std::string("train/") + name, text, value, ValueName::Unit::plain});
    };
    add("chance_loss", "chance", chance_loss(facts_));
    add("floor_loss", "floor", floor_loss(facts_));
    add("gradient_norm", "gradient", gradient_norm(moco_.f_q_parameters));
}

/// "pos 0.83 neg 0.02  q~k 0.981  rank 41/128", as far as it is known.
std::string PretrainingDiagnostics::summary(const DiagnosticsReport& report) {
    for (const Measurement& one : report.values) latest_[one.name] = one.value;
    std::string text;
    const auto add = [&](const char* name, const char* format, auto... more) {
        const auto known = latest_.find(name);
        if (known != latest_.end()) text += fmt::format(fmt::runtime(format), known->second, more...);
    };
    add("positive_mean", "pos {:.2f}");
    add("negative_mean", " neg {:.2f}");
    add("query_key_cosine", "  q~k {:.3f}");
    add("effective_rank", "  rank {:.0f}/{}", facts_.C);
    return text;
}

DiagnosticsReport PretrainingDiagnostics::after_step() {
    DiagnosticsReport report = std::exchange(report_, {});
    if (similarities_wanted_) {
        report_loss(report);
        if (similarities_.has_taken()) similarities_.report(report);
    }
    if (follows(step_)) consistency_->look(step_, moco_.f_q, moco_.f_k, report);
    if (QueueWatch::due(step_)) queue_.after_step(moco_.queue.keys(), report);
    due_ = similarities_wanted_ = false;
    report.summary = summary(report);
    return report;
}

std::vector<Alarm> PretrainingDiagnostics::new_alarms() {
    std::vector<Alarm> alarms = alarms_of(facts_, keeper_.history);
    std::erase_if(alarms, [&](const Alarm& alarm) { return keeper_.history.alarms.contains(alarm.name); });
    return alarms;
}

void PretrainingDiagnostics::visit(StateVisitor& visitor) {
    queue_.visit(visitor);
    if (consistency_) consistency_->visit(visitor);
}

/// Whether all that visit() shows is there, and in these shapes; the queue's size is that of the run.
bool PretrainingDiagnostics::fits(const TensorFile& file) const {
    if (file.find("diagnostics.queue_samples") == nullptr) return false;
    const TensorEntry* keys = file.find("diagnostics.past_keys");
    return consistency_ ? keys != nullptr && consistency_->fits(keys->shape) : keys == nullptr;
}

void PretrainingDiagnostics::take_up(const std::filesystem::path& checkpoint, const std::filesystem::path& folder,
                                     int64_t log_lines) {
    keeper_.history = read_history(folder / kMetricsFile, log_lines);
    if (!looks()) return;
    const SafetensorsFile file(checkpoint);
    if (!fits(file)) return;
    LoadOptions options;
    options.prefix = kDiagnosticsPrefix;
    load_state(
        file, [&](StateVisitor& visitor) { visit(visitor); }, options);
    queue_.take();
    if (consistency_) consistency_->take();
}

std::unique_ptr<Diagnostics> diagnostics_of(Pretraining& task, const PretrainSettings& settings, const Splits& data,
                                            Backend& backend, Communicator& comm) {
    if (!settings.diagnostics || task.moco() == nullptr) return nullptr;
    return std::make_unique<PretrainingDiagnostics>(task, settings, data, backend, comm);
}

}  // namespace moco
