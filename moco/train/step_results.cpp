#include "moco/train/step_results.h"

#include <algorithm>
#include <utility>

#include "core/backend.h"

namespace moco {
namespace {

std::unique_ptr<Readback> read_later(const Tensor& scalar) {
    static_cast<void>(scalar.data());  // it is f32
    return scalar.backend().read_later(scalar.raw(), scalar.bytes());
}

}  // namespace

void StepResults::add(IssuedStep step, const StepValues& values) {
    UnderWay& under_way = under_way_.emplace_back(UnderWay{std::move(step), {}});
    for (const StepValue& value : values) {
        under_way.values.push_back({read_later(value.tensor), value.times, value.divided_by});
    }
}

bool StepResults::UnderWay::ready() const {
    return std::all_of(values.begin(), values.end(), [](const Value& value) { return value.scalar->ready(); });
}

std::optional<FinishedStep> StepResults::take(WaitForSteps wait) {
    if (under_way_.empty()) return std::nullopt;
    UnderWay& oldest = under_way_.front();
    const bool must = wait == WaitForSteps::always || std::ssize(under_way_) > most_ahead_;
    if (!must && !oldest.ready()) return std::nullopt;
    FinishedStep finished;
    for (Value& value : oldest.values) {
        const double scalar = *static_cast<const float*>(value.scalar->wait());
        finished.values.push_back(value.times * scalar / value.divided_by);
    }
    finished.step = std::move(oldest.step);
    under_way_.pop_front();
    return finished;
}

}  // namespace moco
