// Ten steps of supervised training against PyTorch (tests/golden/supervised.py), from the same weights and batches;
// with direct convolution.
#include <gtest/gtest.h>

#include "moco/classifier.h"
#include "tests/moco/golden_steps.h"

namespace moco::testing {
namespace {

constexpr double kLossTolerance = 1e-4;
constexpr int64_t kClassesOfTen = 10;

class ClassifierGolden : public EachBackend {
  protected:
    void SetUp() override { backend().set_conv_algorithm(ConvAlgorithm::direct); }
    void TearDown() override { backend().set_conv_algorithm(ConvAlgorithm::auto_select); }
};

void expect_golden_steps(const std::string& name, int64_t splits, Backend& backend) {
    using namespace golden_steps;
    const GoldenPack golden("supervised");
    const auto salt = static_cast<uint32_t>(golden[name + ".salt"].values[0]);
    const NpyArray losses = golden[name + ".losses"], corrects = golden[name + ".corrects"];
    NetworkConfig network = golden_config("resnet18", 8, Stem::cifar, kChannels, splits);
    network.head = Head::linear;
    network.dim = kClassesOfTen;
    Classifier classifier(network, kSgd, 0, backend);
    fill_by_formula(classifier.f);
    SingleProcess comm;
    for (int64_t step = 0; step < kSteps; ++step) {
        std::vector<int64_t> labels;  // supervised.py's
        for (int64_t n = 0; n < kBatch; ++n) labels.push_back(n * (n + step) % kClassesOfTen);
        classifier.sgd.set_learning_rate(golden_steps_rate(step));
        const LabelledBatch batch(golden_steps_images(salt, step, backend), labels, 1);
        const StepResult result = classifier_step(classifier, batch, comm);
        const auto i = static_cast<size_t>(step);
        EXPECT_NEAR(result.loss.item(), losses.values[i], kLossTolerance) << "step " << step;
        EXPECT_EQ(result.correct.item(), corrects.values[i]) << "step " << step;
    }
    const std::vector<double> bounds = golden[name + ".bounds"].values;  // in supervised.py's order of groups
    expect_group(golden, name + ".parameters", classifier.f.state().parameters, bounds[0]);
    expect_group(golden, name + ".buffers", classifier.f.state().buffers, bounds[1]);
    expect_group(golden, name + ".momenta", classifier.sgd.momenta(), bounds[2]);
    EXPECT_EQ(classifier.f.state().buffers.back().tensor.to_vector<int64_t>()[0], kSteps);
}

TEST_P(ClassifierGolden, OneSplit) {
    expect_golden_steps("one_split", 1, backend());
}

TEST_P(ClassifierGolden, TwoSplits) {
    expect_golden_steps("two_splits", 2, backend());
}

MOCO_FOR_EACH_BACKEND(ClassifierGolden);

}  // namespace
}  // namespace moco::testing
