#include "moco/tasks/pretraining.h"

#include "moco/tasks/weights.h"

namespace moco {
namespace {

KnnMonitorOptions monitor_options(const PretrainSettings& s) {
    return {knn_options(s.knn), s.views.image_size, static_cast<int>(s.machine.workers)};
}

}  // namespace

Pretraining::Pretraining(const PretrainSettings& settings, const Splits& data, Backend& backend, Communicator& comm)
    : settings_(settings),
      data_(data),
      comm_(comm),
      schedule_(schedule_of(settings.optimizer, preset<PretrainSettings>(settings.preset).optimizer)),
      moco_(network_config(settings, pretraining_part(data)->info().channels), settings.method.moco_k,
            sgd_options(settings.optimizer), settings.run.seed, backend),
      runner_(settings.machine, backend, comm) {
    if (settings.knn.every > 0 && KnnMonitor::monitors(data)) knn_.emplace(data, monitor_options(settings), backend);
}

std::string Pretraining::about() const {
    int64_t parameters = 0;
    for (const NamedTensor& parameter : moco_.f_q_parameters.parameters()) parameters += parameter.tensor.count();
    const int64_t arenas = 3 * moco_.f_q_parameters.count() + moco_.f_k_parameters.count();
    const int64_t bytes = 4 * (arenas + moco_.queue.keys().count());
    return fmt::format(
        "Each encoder has {:.2f} million parameters; weights, gradients, momenta and queue take {:.1f} MiB.",
        static_cast<double>(parameters) * 1e-6, static_cast<double>(bytes) / (1 << 20));
}

std::vector<std::string> Pretraining::notes() const {
    if (settings_.knn.every == 0 || knn_) return {};
    return {fmt::format("--data {} has no labelled training and test part: no kNN monitor", settings_.data.spec)};
}

void Pretraining::warm_start(const std::filesystem::path& file) {
    for (Network* f : {&moco_.f_q, &moco_.f_k}) moco::warm_start(file, *f, WarmHead::from_pretraining);
}

void Pretraining::prepare_to_save(Communicator& comm) {
    average_statistics(moco_.f_q, comm);
    average_statistics(moco_.f_k, comm);
}

LoaderPlan Pretraining::loader_plan() const {
    const Recipe recipe = recipe_of(settings_.views);
    return {data_.pretrain, {recipe, recipe}, settings_.views.image_size};
}

const std::vector<ValueName>& Pretraining::value_names() const {
    static const std::vector<ValueName> names = loss_and("contrast_accuracy", "contrast accuracy", "contrast");
    return names;
}

StepNumbers Pretraining::numbers(const StepPlace& place) const {
    const MethodSettings& method = settings_.method;
    StepNumbers numbers;
    numbers.lr = place.lr;
    numbers.m = static_cast<float>(method.moco_m);
    numbers.T = static_cast<float>(method.moco_t);
    numbers.directions = method.symmetric ? LossDirections::both_ways : LossDirections::one_way;
    numbers.parts = settings_.optimizer.accumulate;
    for (int view = 0; method.shuffle_bn && view < static_cast<int>(numbers.directions); ++view) {
        numbers.orders.push_back(
            draw_shuffle_order(settings_.optimizer.batch_size, settings_.run.seed, place.epoch, place.step, view));
    }
    return numbers;
}

StepValues Pretraining::step(const Batch& batch, const StepPlace& place) {
    Views x = {batch.views[0], batch.views[1]};
    PlacedNumbers placed = place_numbers(moco_, numbers(place), x.key.dim(0), comm_);
    std::vector<Tensor*> inputs = placed.placed();
    inputs.insert(inputs.end(), {&x.query, &x.key});
    return runner_.run(inputs, [&] { return algorithm_1(moco_, x, placed, comm_); });
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
    const std::optional<KnnAccuracies> knn = knn_->evaluate(moco_.f_q, listener);
    if (!knn) return std::nullopt;
    report.values.push_back({"knn_backbone", "knn/backbone", "backbone", knn->backbone});
    if (knn->projection) report.values.push_back({"knn_projection", "knn/projection", "projection", *knn->projection});
    return report;
}

}  // namespace moco
