// While the device records, the host runs through the step as always: pointers and versions move on with it. A replay
// moves only the device, so the host's side of a step is done by note_replay.
#include "moco/recorded_step.h"

#include "core/backend.h"
#include "core/error.h"

namespace moco {
namespace {

constexpr int64_t kWarmUpSteps = 2;

/// Copies into memory that stays, which is made the first time.
void place_into(Tensor& fixed, const Tensor& tensor) {
    if (!tensor.defined()) return;
    if (!fixed.defined()) fixed = Tensor::empty_like(tensor);
    fixed.copy_from(tensor);
}

}  // namespace

RecordedStep::RecordedStep(Moco& moco, StepKind kind) : moco_(moco), kind_(kind) {
    Backend& backend = moco.queue.keys().backend();
    check(backend.record([] {}) != nullptr, "--cuda-graph: only --device cuda replays steps, this device is {}",
          backend.name());
}

RecordedStep::~RecordedStep() = default;

void RecordedStep::place(const Views& x, const StepNumbers& numbers) {
    check(steps_ == 0 || numbers.T == numbers_.T, "RecordedStep: the temperature {} was recorded, it cannot become {}",
          numbers_.T, numbers.T);
    const PlacedNumbers placed = place_numbers(moco_, numbers, x.key.dim(0), comm_);
    numbers_.T = placed.T;
    for (size_t view = 0; view < placed.orders.size(); ++view) {
        place_into(numbers_.orders[view].index, placed.orders[view].index);
        place_into(numbers_.orders[view].inverse, placed.orders[view].inverse);
    }
    place_into(x_.query, x.query);
    place_into(x_.key, x.key);
}

StepResult RecordedStep::run(const Views& x, const StepNumbers& numbers) {
    const auto algorithm = kind_ == StepKind::symmetric ? symmetric_algorithm_1 : algorithm_1;
    place(x, numbers);
    if (steps_++ < kWarmUpSteps) return algorithm(moco_, x_, numbers_, comm_, no_clock_);
    if (recording_) {
        note_replay(x.key.dim(0));
    } else {
        recording_ =
            moco_.queue.keys().backend().record([&] { result_ = algorithm(moco_, x_, numbers_, comm_, no_clock_); });
    }
    // The counters' numbers are the host's: they are not recorded.
    for (int pass = 0; pass < passes(); ++pass) {
        moco_.f_q.replayed();
        moco_.f_k.replayed();
    }
    recording_->replay();
    return result_;
}

void RecordedStep::note_replay(int64_t N) {
    moco_.queue.replayed(passes() * N);
    moco_.f_q_parameters.bump_versions();
    moco_.f_k_parameters.bump_versions();
}

}  // namespace moco
