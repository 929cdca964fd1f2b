#include "moco/tasks/classifier_task.h"

#include <utility>

#include "moco/model.h"
#include "moco/tasks/classifier_evaluation.h"
#include "moco/tasks/weights.h"

namespace moco {

ClassifierTask::ClassifierTask(const TrainSettings& settings, ClassifierPlan plan, Backend& backend, Communicator& comm)
    : settings_(settings),
      plan_(std::move(plan)),
      backend_(backend),
      comm_(comm),
      classifier_(plan_.network, sgd_options(settings.optimizer), settings.run.seed, backend, plan_.rates),
      runner_(settings.machine, backend, comm) {
    classifier_.f.set_mode(plan_.mode);
}

std::string ClassifierTask::about() const {
    return fmt::format("The network has {:.2f} million parameters and {} classes.",
                       static_cast<double>(classifier_.parameters.count()) * 1e-6, classifier_.f.output_dim());
}

std::vector<std::string> ClassifierTask::notes() const {
    if (plan_.test) return {};
    return {fmt::format("--data {} has no labelled test part: no accuracy on images that were not trained on",
                        settings_.data.spec)};
}

void ClassifierTask::warm_start(const std::filesystem::path& file) {
    moco::warm_start(file, classifier_.f, WarmHead::fresh);
}

void ClassifierTask::prepare_to_save(Communicator& comm) {
    average_statistics(classifier_.f, comm);
}

LoaderPlan ClassifierTask::loader_plan() const {
    return {plan_.train, {recipe_of(settings_.views)}, settings_.views.image_size};
}

const std::vector<ValueName>& ClassifierTask::value_names() const {
    static const std::vector<ValueName> names = loss_and("accuracy", "accuracy", "accuracy");
    return names;
}

StepValues ClassifierTask::step(const Batch& batch, const StepPlace& place) {
    LabelledBatch placed(batch.views[0], batch.labels, settings_.optimizer.accumulate);
    classifier_.sgd.set_learning_rate(place.lr);
    return runner_.run(placed.placed(), [&] { return classifier_step(classifier_, placed, comm_, plan_.loss); });
}

bool ClassifierTask::evaluation_due(int64_t epoch) const {
    if (epoch == 0 || (!plan_.test && !plan_.val)) return false;
    return epoch == settings_.optimizer.epochs || (plan_.eval_every > 0 && epoch % plan_.eval_every == 0);
}

std::optional<EvaluationReport> ClassifierTask::evaluate(const EvaluationPlace& place) {
    EvaluationReport report;
    report.title = plan_.test ? "test" : "val";
    for (const auto& [part, data] : {std::pair("test", plan_.test), std::pair("val", plan_.val)}) {
        if (!data) continue;
        ClassifierTest test = {plan_.command, part, plan_.results, settings_.views.image_size,
                               settings_.machine.workers};
        // The results are those of the test part, where there is one.
        if (data == plan_.val && plan_.test) test.folder.clear();
        const std::optional<ClassificationScores> scores = test_classifier(classifier_.f, data, test, place, backend_);
        if (!scores) return std::nullopt;
        for (const Measurement& measurement : measurements(part, *scores)) report.values.push_back(measurement);
    }
    return report;
}

const DatasetPtr& labelled_training_part(const Splits& data, const std::string& spec, const std::string& what) {
    const DatasetInfo& info = data.train->info();
    check(info.classes > 0, "--data {} has no labels, which {} needs (class folders, or --labels-from FILE.csv)", spec,
          what);
    check(info.classes > 1, "--data {} has one class{}: {} needs two or more", spec,
          info.class_names.empty() ? "" : fmt::format(" ({})", info.class_names.front()), what);
    return data.train;
}

DatasetPtr labelled_test_part(const Splits& data) {
    return data.test && data.test->info().classes > 0 ? data.test : nullptr;
}

}  // namespace moco
