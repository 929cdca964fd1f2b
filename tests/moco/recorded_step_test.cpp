// A replayed step has the bits of a step issued call by call; a device that cannot replay says so.
#include "moco/recorded_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/moco/golden_steps.h"
#include "tests/support/message.h"

namespace moco::testing {
namespace {

using namespace golden_steps;

class RecordedStepTest : public EachBackend {};

StepNumbers numbers_of(int64_t step) {
    StepNumbers numbers = {golden_steps_rate(step), kM, kT, {}};
    for (int view = 0; view < 2; ++view) numbers.orders.push_back(draw_shuffle_order(kBatch, 3, 0, step, view));
    return numbers;
}

Views views_of(int64_t step, Backend& backend) {
    return {golden_steps_images(1, 2 * step, backend), golden_steps_images(1, 2 * step + 1, backend)};
}

void expect_same_bits(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
        if (a[i].tensor.dtype() == DType::f32)
            EXPECT_EQ(a[i].tensor.to_vector(), b[i].tensor.to_vector()) << a[i].name;
        else
            EXPECT_EQ(a[i].tensor.to_vector<int64_t>(), b[i].tensor.to_vector<int64_t>()) << a[i].name;
    }
}

/// Runs a step of each kind ten times and holds everything against everything.
void expect_replays_equal_steps(StepKind kind, Backend& backend) {
    const ResNetConfig encoder = golden_steps_encoder(Head::mlp);
    Moco issued(encoder, kQueue, kSgd, 0, backend), replayed(encoder, kQueue, kSgd, 0, backend);
    RecordedStep recorded(replayed, kind);
    SingleProcess comm;
    StepClock clock;
    std::vector<Tensor> kept;  // memory that is asked for between the steps, and must stay as it is
    for (int64_t step = 0; step < kSteps; ++step) {
        const Views x = views_of(step, backend);
        const auto step_function = kind == StepKind::symmetric ? symmetric_train_step : train_step;
        const StepResult a = step_function(issued, x, numbers_of(step), comm, clock);
        const StepResult b = recorded.run(x, numbers_of(step));
        EXPECT_EQ(a.loss.item(), b.loss.item()) << "step " << step;
        EXPECT_EQ(a.correct.item(), b.correct.item()) << "step " << step;
        EXPECT_EQ(a.queries, b.queries);
        kept.push_back(Tensor::full({100000}, 5.0f, backend));
    }
    for (const Tensor& tensor : kept) EXPECT_EQ(tensor.to_vector(), std::vector<float>(100000, 5.0f));
    expect_same_bits(issued.f_q.state().parameters, replayed.f_q.state().parameters);
    expect_same_bits(issued.f_k.state().parameters, replayed.f_k.state().parameters);
    expect_same_bits(issued.f_q.state().buffers, replayed.f_q.state().buffers);
    expect_same_bits(issued.f_k.state().buffers, replayed.f_k.state().buffers);
    expect_same_bits(issued.sgd.momenta(), replayed.sgd.momenta());
    expect_same_bits({{"queue", issued.queue.keys()}}, {{"queue", replayed.queue.keys()}});
    EXPECT_EQ(issued.queue.pointer(), replayed.queue.pointer());
}

TEST_P(RecordedStepTest, TenReplaysHaveTheBitsOfTenSteps) {
    if (backend().record([] {}) == nullptr) GTEST_SKIP() << "this device cannot record";
    expect_replays_equal_steps(StepKind::one_way, backend());
}

TEST_P(RecordedStepTest, OfTheSymmetricStepToo) {
    if (backend().record([] {}) == nullptr) GTEST_SKIP() << "this device cannot record";
    expect_replays_equal_steps(StepKind::symmetric, backend());
}

TEST_P(RecordedStepTest, IsRefusedWhereTheDeviceCannot) {
    if (backend().record([] {}) != nullptr) GTEST_SKIP() << "this device can record";
    Moco moco(golden_steps_encoder(Head::mlp), kQueue, kSgd, 0, backend());
    EXPECT_EQ(message_of([&] { RecordedStep(moco, StepKind::one_way); }),
              "--cuda-graph: only --device cuda replays steps, this device is cpu");
}

MOCO_FOR_EACH_BACKEND(RecordedStepTest);

}  // namespace
}  // namespace moco::testing
