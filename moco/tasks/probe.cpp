#include "moco/tasks/probe.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/autograd.h"
#include "moco/data/fingerprint.h"
#include "moco/tasks/classifier_evaluation.h"
#include "moco/tasks/classifier_task.h"
#include "moco/tasks/weights.h"
#include "moco/train/run_folder.h"
#include "moco/train/throughput.h"
#include "ops/cross_entropy.h"
#include "ops/gather_rows.h"

namespace moco {
namespace {

HeldOut parts_of(const ProbeSettings& s, const Splits& data) {
    return hold_out(*labelled_training_part(data, s.data.spec, "a linear probe"), s.val_share, s.run.seed);
}

DatasetPtr part_of(const DatasetPtr& whole, std::vector<int64_t> indices, const std::string& name) {
    if (indices.empty()) return nullptr;
    return std::ssize(indices) == whole->count() ? whole : subset(whole, std::move(indices), name);
}

int64_t classes_of(const Splits& data) {
    return data.train->info().classes;
}

}  // namespace

Probe::Probe(const ProbeSettings& settings, const Splits& data, Backend& backend, Communicator& comm)
    : settings_(settings),
      data_(data),
      backend_(backend),
      comm_(comm),
      train_(part_of(data.train, parts_of(settings, data).rest, data.train->info().part)),
      val_{"val", part_of(data.train, parts_of(settings, data).held, "val")},
      test_{"test", labelled_test_part(data)},
      schedule_(probe_schedule(settings)),
      probe_(network_config(settings, data.train->info().channels), classes_of(data), rate_factors(settings),
             sgd_options(settings.optimizer), settings.run.seed, backend),
      runner_(settings.machine, backend, comm) {
    frozen_fingerprint_ = fingerprint_of_frozen();
}

std::string Probe::about() const {
    const size_t heads = probe_.heads.size();
    const int64_t d = probe_.f.encoder().feature_dim();
    if (heads == 1) return fmt::format("A linear classifier on {} frozen features; {} classes.", d, classes_of(data_));
    return fmt::format(
        "{} linear classifiers on {} frozen features; {} classes. Loss and accuracy of training are those "
        "of the first.",
        heads, d, classes_of(data_));
}

std::vector<std::string> Probe::notes() const {
    std::vector<std::string> notes;
    if (!test_.data) {
        notes.push_back(
            fmt::format("--data {} has no labelled test part: no accuracy on images that were not trained "
                        "on",
                        settings_.data.spec));
    }
    const int64_t unused = data_.train->count() - train_->count() - (val_.data ? val_.data->count() : 0);
    if (unused > 0) notes.push_back(fmt::format("{} training images have no label and are left out", unused));
    if (cached()) notes.push_back(fmt::format("the first step waits for the features of {} images", train_->count()));
    return notes;
}

void Probe::visit(StateVisitor& visitor) {
    probe_.visit(visitor);
    visitor.integer("frozen_fingerprint", frozen_fingerprint_, std::numeric_limits<int64_t>::max());
    const auto heads = std::ssize(probe_.heads);
    if (heads > 1) visitor.integer("best_head", best_head_, heads);
}

void Probe::warm_start(const std::filesystem::path& file) {
    if (!settings_.untrained) moco::warm_start(file, probe_.f, WarmHead::fresh);
    frozen_fingerprint_ = fingerprint_of_frozen();
}

LoaderPlan Probe::loader_plan() const {
    std::vector<Recipe> views;
    if (!cached()) views.push_back(recipe_of(settings_.views));
    return {train_, views, settings_.views.image_size};
}

const std::vector<ValueName>& Probe::value_names() const {
    static const std::vector<ValueName> names = loss_and("accuracy", "accuracy", "accuracy");
    return names;
}

/// All features are those of the evaluation transform.
const Probe::CachedRows& Probe::cached_rows() {
    if (cached_) return *cached_;
    FeatureOptions options;
    options.layers = {FeatureLayer::backbone};
    options.workers = static_cast<int>(settings_.machine.workers);
    const EvalTransform transform = default_transform(train_->info(), settings_.views.image_size);
    Features features = extract_features(probe_.f, train_, transform, options, backend_);
    CachedRows cached;
    cached.rows = features.backbone;
    cached.labels = std::move(features.labels);
    const std::vector<int64_t>& known = features.indices;  // ascending
    for (int64_t i = 0; i < train_->count(); ++i) {
        const auto behind = std::upper_bound(known.begin(), known.end(), i) - known.begin();
        cached.row_of.push_back(std::max<int64_t>(behind - 1, 0));
    }
    cached.unreadable.unreadable = std::move(features.unreadable);
    return cached_.emplace(std::move(cached));
}

/// Each penalty goes on from the solution of the larger one before it.
StepResult Probe::fit_heads() {
    const CachedRows& cached = cached_rows();
    const Standardisation standard = standardisation_of(cached.rows);
    const Tensor x = standardised(cached.rows, standard);
    LogisticModel model;
    std::vector<NamedTensor> heads = probe_.heads_state().parameters;  // weight, bias, weight, bias, ...
    const std::vector<double> penalties = probe_penalties(settings_);
    for (size_t h = 0; h < penalties.size(); ++h) {
        LogisticOptions options;
        options.l2 = penalties[h];
        model = fit_logistic_regression(x, cached.labels, classes_of(data_), options, model);
        const LogisticModel raw = for_raw_features(model, standard);
        heads[2 * h].tensor.copy_from(raw.weight);
        heads[2 * h + 1].tensor.copy_from(raw.bias);
    }
    const NoGrad no_gradient;
    StepResult result;
    result.add(cross_entropy(probe_.heads.front()->forward(cached.rows),
                             Tensor::from_host(cached.labels, {std::ssize(cached.labels)}, backend_)));
    result.queries = cached.rows.dim(0);
    return result;
}

std::vector<double> Probe::head_settings() const {
    return fits() ? probe_penalties(settings_) : probe_rates(settings_);
}

StepValues Probe::step(const Batch& batch, const StepPlace& place) {
    probe_.sgd.set_learning_rate(place.lr);
    const auto N = std::ssize(batch.labels);
    if (!cached()) {
        Tensor x = batch.views[0], labels = Tensor::from_host(batch.labels, {N}, backend_);
        return runner_.run({&x, &labels}, [&] { return probe_step(probe_, probe_.features(x), labels, comm_); });
    }
    if (fits()) return runner_.run({}, [&] { return fit_heads(); });
    const CachedRows& cached = cached_rows();
    std::vector<int64_t> rows, labels_of_rows;
    for (const int64_t index : batch.indices) {
        rows.push_back(cached.row_of[static_cast<size_t>(index)]);
        labels_of_rows.push_back(cached.labels[static_cast<size_t>(rows.back())]);
    }
    Tensor index = Tensor::from_host(rows, {N}, backend_), labels = Tensor::from_host(labels_of_rows, {N}, backend_);
    return runner_.run({&index, &labels},
                       [&] { return probe_step(probe_, gather_rows(cached.rows, index), labels, comm_); });
}

bool Probe::evaluation_due(int64_t epoch) const {
    if (epoch == 0) return false;
    return epoch == settings_.optimizer.epochs || (settings_.eval_every > 0 && epoch % settings_.eval_every == 0);
}

/// They never change, so one pass will do for all evaluations. False if the run was stopped meanwhile.
bool Probe::read_features(Part& part, const EvaluationPlace& place) {
    if (!part.data || part.features) return true;
    place.evaluating(fmt::format("features of {} {} images", part.data->count(), part.name));
    FeatureOptions options;
    options.layers = {FeatureLayer::backbone};
    options.workers = static_cast<int>(settings_.machine.workers);
    options.stop = &place.stop;
    const EvalTransform transform = default_transform(part.data->info(), settings_.views.image_size);
    Features features = extract_features(probe_.f, part.data, transform, options, backend_);
    if (features.stopped) return false;
    note_unreadable(features, part.name, place);
    part.features = std::move(features);
    return true;
}

std::vector<ClassificationScores> Probe::scores_of_heads(const Part& part) {
    std::vector<ClassificationScores> scores;
    for (size_t h = 0; part.data && h < probe_.heads.size(); ++h) {
        scores.push_back(score_classification(probe_.scores(h, part.features->backbone), part.features->labels));
    }
    return scores;
}

std::optional<EvaluationReport> Probe::evaluate(const EvaluationPlace& place) {
    const Stopwatch watch;
    if (cached_) note_unreadable(std::exchange(cached_->unreadable, {}), "training", place);
    if (!read_features(val_, place) || !read_features(test_, place)) return std::nullopt;
    if (place.epoch == settings_.optimizer.epochs) check_frozen();
    const std::vector<ClassificationScores> val = scores_of_heads(val_), test = scores_of_heads(test_);
    const auto worse = [](const ClassificationScores& a, const ClassificationScores& b) { return a.top1 < b.top1; };
    if (!val.empty()) best_head_ = std::max_element(val.begin(), val.end(), worse) - val.begin();
    const auto best = static_cast<size_t>(best_head_);

    EvaluationReport report;
    report.title = test.empty() ? "val" : "test";
    ResultsOrigin origin = {std::string(Settings::command),
                            data_.train->info().name,
                            kLastCheckpoint,
                            place.epoch,
                            place.step,
                            watch.seconds()};
    const std::vector<double> settings = head_settings();
    origin.heads_differ_in = fits() ? "l2" : "lr";
    if (!val.empty()) {
        for (size_t h = 0; h < settings.size(); ++h) {
            origin.heads.push_back({settings[h], val[h].top1, test.empty() ? 0 : test[h].top1});
        }
    }
    if (!test.empty()) {
        for (const Measurement& m : measurements("test", test[best])) report.values.push_back(m);
    }
    if (!val.empty()) {
        for (const Measurement& m : measurements("val", val[best])) report.values.push_back(m);
    }
    if (settings.size() > 1) {
        report.values.push_back({"best_" + origin.heads_differ_in, "best_" + origin.heads_differ_in,
                                 "with --" + origin.heads_differ_in, settings[best], ValueName::Unit::plain});
    }
    const Part& shown = test.empty() ? val_ : test_;
    if (!place.folder.empty() && shown.data) {
        origin.part = shown.name;
        const Features& features = *shown.features;
        write_results(place.folder, origin, {probe_.scores(best, features.backbone), features.labels, features.indices},
                      *shown.data);
    }
    return report;
}

/// That of 63 bits, so that a checkpoint can hold it.
int64_t Probe::fingerprint_of_frozen() const {
    uint64_t hash = kNoBytes;
    const ModuleState state = probe_.frozen();
    for (const std::vector<NamedTensor>* tensors : {&state.parameters, &state.buffers}) {
        for (const NamedTensor& named : *tensors) {
            std::vector<char> bytes(named.tensor.bytes());
            named.tensor.copy_to_host(bytes.data());
            hash = fingerprint({bytes.data(), bytes.size()}, hash);
        }
    }
    return static_cast<int64_t>(hash >> 2);
}

void Probe::check_frozen() const {
    check(fingerprint_of_frozen() == frozen_fingerprint_,
          "a weight or a statistic of the frozen encoder has changed during the probe, which must not be: its accuracy "
          "is worth nothing; please report this");
}

}  // namespace moco
