// Ten steps of MoCo against PyTorch, from the same weights, queue, permutations and batches; with direct convolution.
#include <gtest/gtest.h>

#include "tests/moco/golden_steps.h"

namespace moco::testing {
namespace {

constexpr double kLossTolerance = 1e-4;

class TrainStepGolden : public EachBackend {
  protected:
    void SetUp() override { backend().set_conv_algorithm(ConvAlgorithm::direct); }
    void TearDown() override { backend().set_conv_algorithm(ConvAlgorithm::auto_select); }
};

struct GoldenRun {
    std::string file;
    Head head;
    LossDirections directions;
    int64_t passes_a_step;  // of each encoder
};

void expect_golden_steps(const GoldenRun& run, Backend& backend) {
    using namespace golden_steps;
    const GoldenPack golden(run.file);
    const auto salt = static_cast<uint32_t>(golden["salt"].values[0]);
    const NpyArray losses = golden["losses"], corrects = golden["corrects"];
    const std::vector<int64_t> orders = golden["orders"].as_int64();  // steps x 2 x N

    Moco moco(golden_steps_encoder(run.head), kQueue, kSgd, 0, backend);
    fill_by_formula(moco);
    SingleProcess comm;
    for (int64_t step = 0; step < kSteps; ++step) {
        const Views x = {golden_steps_images(salt, 2 * step, backend),
                         golden_steps_images(salt, 2 * step + 1, backend)};
        const auto order = orders.begin() + 2 * kBatch * step;
        StepNumbers numbers = {golden_steps_rate(step), kM, kT, run.directions, 1, {}};
        numbers.orders = {{order, order + kBatch}, {order + kBatch, order + 2 * kBatch}};
        const StepResult result = train_step(moco, x, numbers, comm);
        const auto i = static_cast<size_t>(step);
        EXPECT_NEAR(result.loss.item(), losses.values[i], kLossTolerance) << "step " << step;
        EXPECT_EQ(result.correct.item(), corrects.values[i]) << "step " << step;
    }

    const std::vector<double> bounds = golden["bounds"].values;  // in moco.py's order of groups
    expect_group(golden, "q_parameters", moco.f_q.state().parameters, bounds[0]);
    expect_group(golden, "k_parameters", moco.f_k.state().parameters, bounds[1]);
    expect_group(golden, "q_buffers", moco.f_q.state().buffers, bounds[2]);
    expect_group(golden, "k_buffers", moco.f_k.state().buffers, bounds[3]);
    expect_group(golden, "momenta", moco.sgd.momenta(), bounds[4]);
    expect_group(golden, "queue", {{"queue", moco.queue.keys()}}, bounds[5]);
    EXPECT_EQ(moco.queue.pointer(), static_cast<int64_t>(golden["pointer"].values[0]));
    for (const Network* f : {&moco.f_q, &moco.f_k}) {
        const NamedTensor counted = f->state().buffers.back();
        ASSERT_TRUE(counted.name.ends_with("num_batches_tracked"));
        EXPECT_EQ(counted.tensor.to_vector<int64_t>()[0], kSteps * run.passes_a_step);
    }
}

TEST_P(TrainStepGolden, OneWay) {
    expect_golden_steps({"moco.one_way", Head::mlp, LossDirections::one_way, 1}, backend());
}

TEST_P(TrainStepGolden, Symmetric) {
    expect_golden_steps({"moco.symmetric", Head::linear, LossDirections::both_ways, 2}, backend());
}

MOCO_FOR_EACH_BACKEND(TrainStepGolden);

}  // namespace
}  // namespace moco::testing
