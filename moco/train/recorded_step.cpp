#include "moco/train/recorded_step.h"

#include "core/backend.h"
#include "core/error.h"

namespace moco {
namespace {

constexpr int64_t kWarmUpSteps = 2;

}  // namespace

RecordedStep::RecordedStep(Backend& backend) : backend_(backend) {
    check(backend.record([] {}) != nullptr, "--cuda-graph: only --device cuda replays steps, this device is {}",
          backend.name());
}

RecordedStep::~RecordedStep() = default;

void RecordedStep::place(const std::vector<Tensor*>& inputs) {
    placed_.resize(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
        if (!inputs[i]->defined()) continue;
        if (!placed_[i].defined()) placed_[i] = Tensor::empty_like(*inputs[i]);
        placed_[i].copy_from(*inputs[i]);
        *inputs[i] = placed_[i];
    }
}

StepValues RecordedStep::run(const std::vector<Tensor*>& inputs, const std::function<StepValues()>& work) {
    place(inputs);
    if (steps_++ < kWarmUpSteps) return work();
    if (!recording_) recording_ = backend_.record([&] { result_ = work(); });
    recording_->replay();
    return result_;
}

}  // namespace moco
