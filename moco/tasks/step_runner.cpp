#include "moco/tasks/step_runner.h"

#include "core/error.h"

namespace moco {
namespace {

StepValues values_of(const StepResult& result) {
    return {{result.loss, 1, static_cast<double>(result.parts)},
            {result.correct, 100, static_cast<double>(result.queries)}};
}

}  // namespace

std::vector<ValueName> loss_and(const std::string& name, const std::string& text, const std::string& short_text) {
    return {{"loss", "epoch_loss", "loss", "loss", ValueName::Unit::plain},
            {name, "epoch_accuracy", text, short_text, ValueName::Unit::percent}};
}

StepRunner::StepRunner(const MachineSettings& machine, Backend& backend, Communicator& comm) {
    if (!machine.cuda_graph) return;
    check(comm.size() == 1, "--cuda-graph: with {} processes steps are not replayed", comm.size());
    recorded_.emplace(backend);
}

StepValues StepRunner::run(const std::vector<Tensor*>& inputs, const std::function<StepResult()>& work) {
    const auto values = [&] { return values_of(work()); };
    return recorded_ ? recorded_->run(inputs, values) : values();
}

}  // namespace moco
