// A replayed step has the bits of a step issued call by call; a device that cannot replay says so.
#include "moco/train/recorded_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/moco/golden_steps.h"
#include "tests/support/message.h"

namespace moco::testing {
namespace {

using namespace golden_steps;

class RecordedStepTest : public EachBackend {};

StepNumbers numbers_of(int64_t step, LossDirections directions, int64_t parts) {
    StepNumbers numbers = {golden_steps_rate(step), kM, kT, directions, parts, {}};
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
void expect_replays_equal_steps(LossDirections directions, int64_t parts, Backend& backend) {
    NetworkConfig encoder = golden_steps_encoder(Head::mlp);
    encoder.bn_splits /= parts;
    Moco issued(encoder, kQueue, kSgd, 0, backend), replayed(encoder, kQueue, kSgd, 0, backend);
    RecordedStep recorded(backend);
    SingleProcess comm;
    std::vector<Tensor> kept;  // memory that is asked for between the steps, and must stay as it is
    for (int64_t step = 0; step < kSteps; ++step) {
        const StepNumbers numbers = numbers_of(step, directions, parts);
        Views x = views_of(step, backend);
        const StepResult a = train_step(issued, x, numbers, comm);
        PlacedNumbers placed = place_numbers(replayed, numbers, kBatch, comm);
        std::vector<Tensor*> inputs = placed.placed();
        inputs.insert(inputs.end(), {&x.query, &x.key});
        const StepValues b = recorded.run(inputs, [&]() -> StepValues {
            const StepResult result = algorithm_1(replayed, x, placed, comm);
            return {{result.loss}, {result.correct}};
        });
        EXPECT_EQ(a.loss.item(), b[0].tensor.item()) << "step " << step;
        EXPECT_EQ(a.correct.item(), b[1].tensor.item()) << "step " << step;
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
    EXPECT_EQ(issued.f_k.state().parameters[0].tensor.version(), replayed.f_k.state().parameters[0].tensor.version());
}

TEST_P(RecordedStepTest, TenReplaysHaveTheBitsOfTenSteps) {
    if (backend().record([] {}) == nullptr) GTEST_SKIP() << "this device cannot record";
    expect_replays_equal_steps(LossDirections::one_way, 1, backend());
}

TEST_P(RecordedStepTest, OfTheSymmetricStepToo) {
    if (backend().record([] {}) == nullptr) GTEST_SKIP() << "this device cannot record";
    expect_replays_equal_steps(LossDirections::both_ways, 1, backend());
}

TEST_P(RecordedStepTest, OfAStepInPartsToo) {
    if (backend().record([] {}) == nullptr) GTEST_SKIP() << "this device cannot record";
    expect_replays_equal_steps(LossDirections::one_way, 2, backend());
}

TEST_P(RecordedStepTest, IsRefusedWhereTheDeviceCannot) {
    if (backend().record([] {}) != nullptr) GTEST_SKIP() << "this device can record";
    EXPECT_EQ(message_of([&] { RecordedStep recorded(backend()); }),
              "--cuda-graph: only --device cuda replays steps, this device is cpu");
}

MOCO_FOR_EACH_BACKEND(RecordedStepTest);

}  // namespace
}  // namespace moco::testing
