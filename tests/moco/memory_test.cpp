// No step leaks: what a step allocates beyond the model is free again after it.
#include <gtest/gtest.h>

#include <map>

#include "core/parallel.h"
#include "tests/moco/golden_steps.h"

namespace moco::testing {
namespace {

/// With one thread: what both encoders hold at a time would depend on which is ahead.
class StepMemory : public EachBackend {
  protected:
    void SetUp() override { set_threads(1); }
    void TearDown() override { set_threads(0); }
};

TEST_P(StepMemory, LaterStepsHoldNoMoreThanTheFirst) {
    using namespace golden_steps;
    const auto in_use = GetParam().bytes_in_use;
    const size_t before = in_use();
    for (const LossDirections directions : {LossDirections::one_way, LossDirections::both_ways}) {
        Moco moco(golden_steps_encoder(Head::mlp), kQueue, kSgd, 0, backend());
        const Views x = {golden_steps_images(1, 0, backend()), golden_steps_images(1, 1, backend())};
        SingleProcess comm;
        const size_t model = in_use();
        size_t peak = 0;
        for (int64_t step = 0; step < 5; ++step) {
            GetParam().reset_peak();
            StepNumbers numbers = {0.05f, kM, kT, directions, 1, {}};
            for (int view = 0; view < 2; ++view) numbers.orders.push_back(draw_shuffle_order(kBatch, 0, 0, step, view));
            train_step(moco, x, numbers, comm);
            EXPECT_EQ(in_use(), model) << "after step " << step;
            if (step == 0) peak = GetParam().peak_bytes();
            EXPECT_EQ(GetParam().peak_bytes(), peak) << "in step " << step;
        }
        EXPECT_GT(peak, model);
    }
    EXPECT_EQ(in_use(), before);
}

/// Notes what is in use when each part of the step begins.
class MemoryClock final : public StepClock {
  public:
    explicit MemoryClock(size_t (*in_use)()) : in_use_(in_use) {}
    void enter(StepPhase phase) override { at_[phase] = in_use_(); }
    size_t at(StepPhase phase) const { return at_.at(phase); }

  private:
    size_t (*in_use_)();
    std::map<StepPhase, size_t> at_;
};

TEST_P(StepMemory, TheKeyEncoderKeepsNothingButTheKeys) {
    using namespace golden_steps;
    Moco moco(golden_steps_encoder(Head::mlp), kQueue, kSgd, 0, backend());
    const Views x = {golden_steps_images(1, 0, backend()), golden_steps_images(1, 1, backend())};
    const size_t keys = sizeof(float) * static_cast<size_t>(kBatch * moco.queue.keys().dim(1));
    size_t queries = GetParam().bytes_in_use();
    {
        const Tensor q = l2_normalize(moco.f_q.forward(x.query));
        queries = GetParam().bytes_in_use() - queries;
    }
    EXPECT_GT(queries, 100 * keys) << "the queries' activations";
    SingleProcess comm;
    MemoryClock clock(GetParam().bytes_in_use);
    moco.clock = &clock;
    StepNumbers numbers = {0.05f, kM, kT, LossDirections::one_way, 1, {}};
    for (int view = 0; view < 2; ++view) numbers.orders.push_back(draw_shuffle_order(kBatch, 0, 0, 0, view));
    train_step(moco, x, numbers, comm);
    EXPECT_GE(clock.at(StepPhase::loss) - clock.at(StepPhase::encode), queries);
    EXPECT_LE(clock.at(StepPhase::loss) - clock.at(StepPhase::encode) - queries, keys + 64);
}

MOCO_FOR_EACH_BACKEND(StepMemory);

}  // namespace
}  // namespace moco::testing
