// Ten steps of the end-to-end mechanism and of the memory bank against PyTorch, from the same weights, orders, draws
// and batches; with direct convolution.
#include <gtest/gtest.h>

#include "tests/moco/mechanism_steps.h"

namespace moco::testing {
namespace {

using namespace golden_steps;

constexpr double kLossTolerance = 1e-4;

class MechanismsGolden : public EachBackend {
  protected:
    void SetUp() override { backend().set_conv_algorithm(ConvAlgorithm::direct); }
    void TearDown() override { backend().set_conv_algorithm(ConvAlgorithm::auto_select); }
};

void expect_results(const GoldenPack& golden, const std::string& name, int64_t step, const StepResult& result) {
    const auto i = static_cast<size_t>(step);
    EXPECT_NEAR(result.loss.item(), golden[name + ".losses"].values[i], kLossTolerance) << "step " << step;
    const double correct = golden[name + ".corrects"].values[i];  // below 0: rounding decides
    if (correct >= 0) {
        EXPECT_EQ(result.correct.item(), correct) << "step " << step;
    }
    EXPECT_EQ(result.queries, kBatch);
}

void expect_learned(const GoldenPack& golden, const std::string& name, const SingleEncoder& encoder) {
    const std::vector<double> bounds = golden[name + ".bounds"].values;
    expect_group(golden, name + ".parameters", encoder.f.state().parameters, bounds[0]);
    expect_group(golden, name + ".buffers", encoder.f.state().buffers, bounds[1]);
    expect_group(golden, name + ".momenta", encoder.sgd.momenta(), bounds[2]);
}

/// Entries step * count ... of a list of whole numbers.
std::vector<int64_t> of_step(const std::vector<int64_t>& all, int64_t step, int64_t count) {
    return {all.begin() + step * count, all.begin() + (step + 1) * count};
}

TEST_P(MechanismsGolden, EndToEnd) {
    const GoldenPack golden("mechanisms");
    const auto salt = static_cast<uint32_t>(golden["end_to_end.salt"].values[0]);
    const std::vector<int64_t> orders = golden["end_to_end.orders"].as_int64();  // steps x N
    SingleEncoder encoder(mechanism_encoder(kSplits), kSgd, 0, backend());
    fill_by_formula(encoder.f);
    SingleProcess comm;
    for (int64_t step = 0; step < kSteps; ++step) {
        const Views x = {golden_steps_images(salt, 2 * step, backend()),
                         golden_steps_images(salt, 2 * step + 1, backend())};
        const EndToEndNumbers numbers = {golden_steps_rate(step), kT, of_step(orders, step, kBatch)};
        const PlacedEndToEnd placed = place_numbers(encoder, numbers, kBatch, comm);
        expect_results(golden, "end_to_end", step, end_to_end_step(encoder, x, placed, comm));
    }
    expect_learned(golden, "end_to_end", encoder);
    const NamedTensor counted = encoder.f.state().buffers.back();
    EXPECT_EQ(counted.tensor.to_vector<int64_t>()[0], 2 * kSteps);
}

TEST_P(MechanismsGolden, MemoryBank) {
    const GoldenPack golden("mechanisms");
    const auto salt = static_cast<uint32_t>(golden["memory_bank.salt"].values[0]);
    const std::vector<int64_t> images = golden["memory_bank.images"].as_int64(),
                               negatives = golden["memory_bank.negatives"].as_int64();
    BankedEncoder model(mechanism_encoder(kSplits), mechanism_steps::kImages, kSgd, 0, backend());
    fill_by_formula(model);
    SingleProcess comm;
    for (int64_t step = 0; step < kSteps; ++step) {
        const BankNumbers numbers = {golden_steps_rate(step), kT, 1, of_step(images, step, kBatch),
                                     of_step(negatives, step, kQueue)};
        const PlacedBankNumbers placed = place_numbers(model, numbers);
        expect_results(golden, "memory_bank", step,
                       memory_bank_step(model, golden_steps_images(salt, step, backend()), placed, comm));
    }
    expect_learned(golden, "memory_bank", model.encoder);
    expect_group(golden, "memory_bank.bank", {{"bank", model.bank.entries()}}, golden["memory_bank.bounds"].values[3]);
}

TEST_P(MechanismsGolden, GradientsFlowIntoTheKeys) {
    const GoldenPack golden("mechanisms");
    Tensor q = formula_tensor({kBatch, kDim}, 1, backend()), keys = formula_tensor({2 * kBatch, kDim}, 2, backend());
    for (Tensor* leaf : {&q, &keys}) leaf->set_requires_grad(true);
    std::vector<int64_t> targets;
    for (int64_t n = 0; n < kBatch; ++n) targets.push_back(2 * n + 1);
    const Loss loss = contrast_within_batch(q, keys, Tensor::from_host(targets, {kBatch}, backend()), kT);
    EXPECT_NEAR(loss.value.item(), golden["gradients.loss"].values[0], 1e-5);
    Tensor value = loss.value;
    value.backward();
    EXPECT_LE(error_over_rms(q.grad().to_vector(), golden["gradients.dq"].values), 1e-5);
    EXPECT_LE(error_over_rms(keys.grad().to_vector(), golden["gradients.dkeys"].values), 1e-5);
}

MOCO_FOR_EACH_BACKEND(MechanismsGolden);

}  // namespace
}  // namespace moco::testing
