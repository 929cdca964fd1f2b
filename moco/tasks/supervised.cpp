#include "moco/tasks/supervised.h"

#include "moco/train/run_folder.h"

namespace moco {
namespace {

ClassifierPlan plan_of(const SupervisedSettings& s, const Splits& data) {
    ClassifierPlan plan;
    plan.title = "Supervised training";
    plan.command = SupervisedSettings::command;
    plan.results = std::filesystem::path(kEvaluations) / plan.command;
    plan.train = labelled_training_part(data, s.data.spec, "supervised training");
    plan.test = labelled_test_part(data);
    plan.network = network_config(s, plan.train->info().channels, plan.train->info().classes);
    plan.schedule = schedule_of(s.optimizer, preset<SupervisedSettings>(s.preset).optimizer);
    plan.eval_every = s.eval_every;
    return plan;
}

}  // namespace

Supervised::Supervised(const SupervisedSettings& settings, const Splits& data, Backend& backend, Communicator& comm)
    : ClassifierTask(settings, plan_of(settings, data), backend, comm) {}

}  // namespace moco
