#include "moco/step_results.h"

#include <utility>

#include "core/backend.h"

namespace moco {
namespace {

std::unique_ptr<Readback> read_later(const Tensor& scalar) {
    static_cast<void>(scalar.data());  // it is f32
    return scalar.backend().read_later(scalar.raw(), scalar.bytes());
}

double value_of(Readback& scalar) {
    return *static_cast<const float*>(scalar.wait());
}

}  // namespace

void StepResults::add(IssuedStep step, const StepResult& result) {
    under_way_.push_back({std::move(step), result.queries, read_later(result.loss), read_later(result.correct)});
}

std::optional<FinishedStep> StepResults::take(WaitForSteps wait) {
    if (under_way_.empty()) return std::nullopt;
    UnderWay& oldest = under_way_.front();
    const bool must = wait == WaitForSteps::always || std::ssize(under_way_) > most_ahead_;
    if (!must && !(oldest.loss->ready() && oldest.correct->ready())) return std::nullopt;
    FinishedStep finished;
    finished.loss = value_of(*oldest.loss);
    finished.accuracy = 100.0 * value_of(*oldest.correct) / static_cast<double>(oldest.queries);
    finished.step = std::move(oldest.step);
    under_way_.pop_front();
    return finished;
}

}  // namespace moco
