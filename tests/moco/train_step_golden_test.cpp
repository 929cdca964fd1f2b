// Ten steps of MoCo against PyTorch, from the same weights, queue, permutations and batches; with direct convolution.
#include <gtest/gtest.h>

#include "tests/moco/golden_steps.h"

namespace moco::testing {
namespace {

constexpr double kLossTolerance = 1e-4;
constexpr size_t kSamples = 16;  // of each tensor, as in moco.py

class TrainStepGolden : public EachBackend {
  protected:
    void SetUp() override { backend().set_conv_algorithm(ConvAlgorithm::direct); }
    void TearDown() override { backend().set_conv_algorithm(ConvAlgorithm::auto_select); }
};

/// Every tensor's samples against the stored ones; errors are relative to the tensor's RMS.
void expect_group(const GoldenPack& golden, const std::string& group, const std::vector<NamedTensor>& tensors,
                  double bound) {
    const NpyArray samples = golden[group], all_rms = golden[group + "_rms"];
    size_t next = 0, i = 0;
    double worst = 0;
    std::string worst_name;
    for (const NamedTensor& named : tensors) {
        if (named.tensor.dtype() != DType::f32) continue;
        const std::vector<float> got = sample(named.tensor.to_vector(), group == "queue" ? 4096 : kSamples);
        const std::vector<double> expected = take(samples, next, got.size());
        const double scale = all_rms.values.at(i++);
        for (size_t j = 0; j < got.size(); ++j) {
            const double error = std::abs(got[j] - expected[j]) / scale;
            if (!(error <= worst)) worst = error, worst_name = named.name;
        }
    }
    EXPECT_EQ(next, samples.values.size()) << group;
    EXPECT_LE(worst, bound) << group << ": " << worst_name;
    ::testing::Test::RecordProperty(group, fmt::format("{:.2g} of {:.2g}", worst, bound));
}

struct GoldenRun {
    std::string file;
    Head head;
    decltype(train_step)& step_function;
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
    StepClock clock;
    for (int64_t step = 0; step < kSteps; ++step) {
        const Views x = {golden_steps_images(salt, 2 * step, backend),
                         golden_steps_images(salt, 2 * step + 1, backend)};
        const auto order = orders.begin() + 2 * kBatch * step;
        StepNumbers numbers = {golden_steps_rate(step), kM, kT, {}};
        numbers.orders = {{order, order + kBatch}, {order + kBatch, order + 2 * kBatch}};
        const StepResult result = run.step_function(moco, x, numbers, comm, clock);
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
    for (const ResNet* f : {&moco.f_q, &moco.f_k}) {
        const NamedTensor counted = f->state().buffers.back();
        ASSERT_TRUE(counted.name.ends_with("num_batches_tracked"));
        EXPECT_EQ(counted.tensor.to_vector<int64_t>()[0], kSteps * run.passes_a_step);
    }
}

TEST_P(TrainStepGolden, OneWay) {
    expect_golden_steps({"moco.one_way", Head::mlp, train_step, 1}, backend());
}

TEST_P(TrainStepGolden, Symmetric) {
    expect_golden_steps({"moco.symmetric", Head::linear, symmetric_train_step, 2}, backend());
}

MOCO_FOR_EACH_BACKEND(TrainStepGolden);

}  // namespace
}  // namespace moco::testing
