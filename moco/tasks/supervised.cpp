#include "moco/tasks/supervised.h"

#include "moco/model.h"
#include "moco/tasks/classifier_evaluation.h"
#include "moco/tasks/weights.h"

namespace moco {
namespace {

const Splits& labelled(const Splits& data, const SupervisedSettings& settings) {
    check(data.train->info().classes > 0, "--data {} has no labels, which supervised training needs",
          settings.data.spec);
    return data;
}

}  // namespace

Supervised::Supervised(const SupervisedSettings& settings, const Splits& data, Backend& backend, Communicator& comm)
    : settings_(settings),
      data_(labelled(data, settings)),
      backend_(backend),
      comm_(comm),
      schedule_(schedule_of(settings.optimizer, preset<SupervisedSettings>(settings.preset).optimizer)),
      classifier_(network_config(settings, data.train->info().channels, data.train->info().classes),
                  sgd_options(settings.optimizer), settings.run.seed, backend),
      runner_(settings.machine, backend, comm) {}

std::string Supervised::about() const {
    return fmt::format("The network has {:.2f} million parameters and {} classes.",
                       static_cast<double>(classifier_.parameters.count()) * 1e-6, classifier_.f.output_dim());
}

std::vector<std::string> Supervised::notes() const {
    if (data_.test && data_.test->info().classes > 0) return {};
    return {fmt::format("--data {} has no labelled test part: no accuracy on images that were not trained on",
                        settings_.data.spec)};
}

void Supervised::warm_start(const std::filesystem::path& file) {
    moco::warm_start(file, classifier_.f, WarmHead::fresh);
}

void Supervised::prepare_to_save(Communicator& comm) {
    average_statistics(classifier_.f, comm);
}

LoaderPlan Supervised::loader_plan() const {
    return {data_.train, {recipe_of(settings_.views)}, settings_.views.image_size};
}

const std::vector<ValueName>& Supervised::value_names() const {
    static const std::vector<ValueName> names = loss_and("accuracy", "accuracy", "accuracy");
    return names;
}

StepValues Supervised::step(const Batch& batch, const StepPlace& place) {
    LabelledBatch placed(batch.views[0], batch.labels, settings_.optimizer.accumulate);
    classifier_.sgd.set_learning_rate(place.lr);
    return runner_.run(placed.placed(), [&] { return classifier_step(classifier_, placed, comm_); });
}

bool Supervised::evaluation_due(int64_t epoch) const {
    if (epoch == 0 || !notes().empty()) return false;
    return epoch == settings_.optimizer.epochs || (settings_.eval_every > 0 && epoch % settings_.eval_every == 0);
}

std::optional<EvaluationReport> Supervised::evaluate(const EvaluationPlace& place) {
    return test_classifier(classifier_.f, data_.test,
                           {std::string(Settings::command), settings_.views.image_size, settings_.machine.workers},
                           place, backend_);
}

}  // namespace moco
