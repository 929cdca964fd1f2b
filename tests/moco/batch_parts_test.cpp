// A batch in parts: which rows are whose, and a step in parts against the step of the whole batch.
#include "moco/batch_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "moco/classifier.h"
#include "tests/moco/golden_steps.h"
#include "tests/support/message.h"

namespace moco::testing {
namespace {

using namespace golden_steps;

class BatchPartsTest : public EachBackend {
  protected:
    // Direct convolution: which algorithm is chosen depends on the size of the part.
    void SetUp() override { backend().set_conv_algorithm(ConvAlgorithm::direct); }
    void TearDown() override { backend().set_conv_algorithm(ConvAlgorithm::auto_select); }
};

TEST_P(BatchPartsTest, SampleNBelongsToPartNModA) {
    const Tensor x = Tensor::from_host<float>({0, 1, 2, 3, 4, 5}, {6, 1}, backend());
    const BatchParts parts(6, 3, backend());
    EXPECT_EQ(parts.part(x, 1).to_vector(), (std::vector<float>{1, 4}));
    EXPECT_EQ(parts.together({parts.part(x, 0), parts.part(x, 1), parts.part(x, 2)}).to_vector(), x.to_vector());
    EXPECT_EQ(BatchParts(6, 1, backend()).part(x, 0).raw(), x.raw()) << "a whole batch is not copied";
    EXPECT_THAT(message_of([&] { BatchParts(6, 4, backend()); }), ::testing::HasSubstr("4 parts do not divide"));
}

/// The state after some steps, by name.
struct Outcome {
    std::vector<double> losses, corrects;
    std::vector<NamedTensor> tensors;
};

/// Differences relative to each tensor's RMS.
void expect_near(const Outcome& parts, const Outcome& whole) {
    for (size_t step = 0; step < whole.losses.size(); ++step) {
        EXPECT_NEAR(parts.losses[step], whole.losses[step], 1e-5) << "step " << step;
        EXPECT_EQ(parts.corrects[step], whole.corrects[step]) << "step " << step;
    }
    ASSERT_EQ(parts.tensors.size(), whole.tensors.size());
    for (size_t i = 0; i < whole.tensors.size(); ++i) {
        const NamedTensor &a = parts.tensors[i], &b = whole.tensors[i];
        if (b.tensor.dtype() == DType::i64) {
            EXPECT_EQ(a.tensor.to_vector<int64_t>(), b.tensor.to_vector<int64_t>())
                << b.name << ": a batch counts once";
            continue;
        }
        const std::vector<float> expected = b.tensor.to_vector();
        EXPECT_LE(error_over_rms(a.tensor.to_vector(), std::vector<double>(expected.begin(), expected.end())), 2e-4)
            << b.name;
    }
}

Outcome pretrained(int64_t parts, LossDirections directions, Backend& backend) {
    constexpr int64_t kGroups = 4;  // of two samples each
    NetworkConfig encoder = golden_steps_encoder(Head::mlp);
    encoder.bn_splits = kGroups / parts;
    Moco moco(encoder, kQueue, kSgd, 0, backend);
    fill_by_formula(moco);
    SingleProcess comm;
    Outcome outcome;
    for (int64_t step = 0; step < 3; ++step) {
        const Views x = {golden_steps_images(300, 2 * step, backend), golden_steps_images(300, 2 * step + 1, backend)};
        StepNumbers numbers = {golden_steps_rate(step), kM, kT, directions, parts, {}};
        for (int view = 0; view < 2; ++view) numbers.orders.push_back(draw_shuffle_order(kBatch, 0, 0, step, view));
        const StepResult result = train_step(moco, x, numbers, comm);
        EXPECT_EQ(result.queries, kBatch * static_cast<int64_t>(directions));
        outcome.losses.push_back(result.loss.item() / static_cast<double>(result.parts));
        outcome.corrects.push_back(result.correct.item());
    }
    for (const Network* f : {&moco.f_q, &moco.f_k}) {
        const ModuleState state = f->state();
        outcome.tensors.insert(outcome.tensors.end(), state.parameters.begin(), state.parameters.end());
        outcome.tensors.insert(outcome.tensors.end(), state.buffers.begin(), state.buffers.end());
    }
    outcome.tensors.push_back({"queue", moco.queue.keys()});
    return outcome;
}

TEST_P(BatchPartsTest, AStepInPartsIsTheStepOfTheWholeBatch) {
    for (const LossDirections directions : {LossDirections::one_way, LossDirections::both_ways}) {
        const Outcome whole = pretrained(1, directions, backend());
        for (const int64_t parts : {2, 4}) {
            SCOPED_TRACE(fmt::format("{} parts, {} directions", parts, static_cast<int>(directions)));
            expect_near(pretrained(parts, directions, backend()), whole);
        }
    }
}

Outcome classified(int64_t parts, Backend& backend) {
    NetworkConfig network = golden_steps_encoder(Head::linear);
    network.dim = 10;
    network.bn_splits = 2 / parts;
    Classifier classifier(network, kSgd, 0, backend);
    fill_by_formula(classifier.f);
    SingleProcess comm;
    Outcome outcome;
    for (int64_t step = 0; step < 3; ++step) {
        classifier.sgd.set_learning_rate(golden_steps_rate(step));
        std::vector<int64_t> labels;
        for (int64_t n = 0; n < kBatch; ++n) labels.push_back((n + step) % 10);
        const LabelledBatch batch(golden_steps_images(300, step, backend), labels, parts);
        const StepResult result = classifier_step(classifier, batch, comm);
        outcome.losses.push_back(result.loss.item() / static_cast<double>(result.parts));
        outcome.corrects.push_back(result.correct.item());
    }
    const ModuleState state = classifier.state();
    outcome.tensors = state.parameters;
    outcome.tensors.insert(outcome.tensors.end(), state.buffers.begin(), state.buffers.end());
    return outcome;
}

TEST_P(BatchPartsTest, SoIsAStepOfAClassifier) {
    expect_near(classified(2, backend()), classified(1, backend()));
}

MOCO_FOR_EACH_BACKEND(BatchPartsTest);

}  // namespace
}  // namespace moco::testing
