#include "moco/tasks/pretraining.h"

#include "moco/model.h"
#include "moco/tasks/weights.h"

namespace moco {
namespace {

KnnMonitorOptions monitor_options(const PretrainSettings& s) {
    return {knn_options(s.knn), s.views.image_size, static_cast<int>(s.machine.workers)};
}

}  // namespace

const std::vector<ValueName>& pretraining_values() {
    static const std::vector<ValueName> names = loss_and("contrast_accuracy", "contrast accuracy", "contrast");
    return names;
}

Pretraining::Pretraining(const PretrainSettings& settings, const Splits& data, Backend& backend, Communicator& comm)
    : settings_(settings),
      data_(data),
      schedule_(schedule_of(settings.optimizer, preset<PretrainSettings>(settings.preset).optimizer)),
      mechanism_(make_mechanism(settings, pretraining_part(data)->info(), backend, comm)),
      runner_(settings.machine, backend, comm) {
    if (settings.knn.every > 0 && KnnMonitor::monitors(data)) knn_.emplace(data, monitor_options(settings), backend);
}

std::vector<std::string> Pretraining::notes() const {
    if (settings_.knn.every == 0 || knn_) return {};
    return {fmt::format("--data {} has no labelled training and test part: no kNN monitor", settings_.data.spec)};
}

void Pretraining::warm_start(const std::filesystem::path& file) {
    for (Network* f : mechanism_->encoders()) moco::warm_start(file, *f, WarmHead::from_pretraining);
}

void Pretraining::prepare_to_save(Communicator& comm) {
    for (const Network* f : mechanism_->encoders()) average_statistics(*f, comm);
}

LoaderPlan Pretraining::loader_plan() const {
    const std::vector<Recipe> views(static_cast<size_t>(mechanism_->views()), recipe_of(settings_.views));
    return {data_.pretrain, views, settings_.views.image_size, positive_options(settings_.method)};
}

StepValues Pretraining::step(const Batch& batch, const StepPlace& place) {
    return mechanism_->step(batch, place, runner_);
}

bool Pretraining::evaluation_due(int64_t epoch) const {
    if (!knn_) return false;
    if (epoch == 0) return settings_.knn.baselines;
    return epoch % settings_.knn.every == 0 || epoch == settings_.optimizer.epochs;
}

std::optional<EvaluationReport> Pretraining::evaluate(const EvaluationPlace& place) {
    const KnnMonitor::Listener listener{place.stop, place.evaluating, place.note};
    EvaluationReport report;
    report.title = "kNN";
    if (place.epoch == 0) {
        const std::optional<double> pixels = knn_->evaluate_pixels(listener);
        if (!pixels) return std::nullopt;
        report.values.push_back({"knn_pixels", "knn/pixels", "raw pixels", *pixels});
    }
    const std::optional<KnnAccuracies> knn = knn_->evaluate(mechanism_->f_q(), listener);
    if (!knn) return std::nullopt;
    report.values.push_back({"knn_backbone", "knn/backbone", "backbone", knn->backbone});
    if (knn->projection) report.values.push_back({"knn_projection", "knn/projection", "projection", *knn->projection});
    return report;
}

}  // namespace moco
