// Ten steps of linear probes and of fine-tuning against PyTorch (tests/golden/transfer.py), from the same weights,
// statistics and batches; with direct convolution. What is frozen keeps its bits.
#include <gtest/gtest.h>

#include "moco/classifier.h"
#include "moco/linear_probe.h"
#include "tests/moco/golden_steps.h"

namespace moco::testing {
namespace {

using namespace golden_steps;

constexpr double kLossTolerance = 1e-4;
constexpr int64_t kClassesOfTen = 10;
const std::vector<float> kHeadRates = {1, 5, 25};
const DepthRates kRates = {4, 0.5f, 0};  // of fine-tuning: head, decay, frozen stages
constexpr CrossEntropyOptions kSmoothed = {0.1f};

class TransferGolden : public EachBackend {
  protected:
    void SetUp() override { backend().set_conv_algorithm(ConvAlgorithm::direct); }
    void TearDown() override { backend().set_conv_algorithm(ConvAlgorithm::auto_select); }
};

NetworkConfig network_of(int64_t splits) {
    NetworkConfig network = golden_config("resnet18", 8, Stem::cifar, kChannels, splits);
    network.head = Head::linear;
    network.dim = kClassesOfTen;
    return network;
}

/// Weights and statistics, as transfer.py's trained_network.
void fill_as_trained(Network& f) {
    fill_by_formula(f);
    uint32_t i = 0;
    for (NamedTensor& buffer : f.state().buffers) {
        if (buffer.tensor.dtype() != DType::f32) continue;
        std::vector<float> values = formula_values(buffer.tensor.count(), 500 + i);
        for (float& value : values) value = i % 2 == 0 ? value * 0.1f : value * 0.5f + 1;
        buffer.tensor.copy_from_host(values.data());
        ++i;
    }
}

std::vector<int64_t> labels_of(int64_t step) {
    std::vector<int64_t> labels;  // supervised.py's
    for (int64_t n = 0; n < kBatch; ++n) labels.push_back(n * (n + step) % kClassesOfTen);
    return labels;
}

uint32_t salt_of(const GoldenPack& golden, const std::string& name) {
    return static_cast<uint32_t>(golden[name + ".salt"].values[0]);
}

/// Every tensor's bytes, in order.
std::vector<std::vector<char>> bytes_of(const std::vector<NamedTensor>& tensors) {
    std::vector<std::vector<char>> all;
    for (const NamedTensor& named : tensors) {
        named.tensor.copy_to_host(all.emplace_back(named.tensor.bytes()).data());
    }
    return all;
}

std::vector<std::vector<char>> bytes_of(const ModuleState& state) {
    std::vector<std::vector<char>> all = bytes_of(state.parameters), buffers = bytes_of(state.buffers);
    all.insert(all.end(), buffers.begin(), buffers.end());
    return all;
}

/// A probe whose heads learn at kHeadRates, and its ten steps.
class GoldenProbe {
  public:
    explicit GoldenProbe(Backend& backend)
        : backend_(backend), probe_(network_of(1), kClassesOfTen, kHeadRates, {kSgd.momentum, 0}, 0, backend) {
        fill_as_trained(probe_.f);
        for (const std::unique_ptr<Linear>& head : probe_.heads) {
            ModuleState state;
            head->collect("", state);
            Tensor(state.parameters[0].tensor)
                .copy_from(formula_tensor({kClassesOfTen, probe_.f.feature_dim()}, 700, backend, 0.01f));
        }
    }

    void run(const GoldenPack& golden) {
        const ModuleState frozen = probe_.frozen();
        const std::vector<std::vector<char>> before = bytes_of(frozen);
        const std::vector<double> losses = golden["probe.losses"].values, corrects = golden["probe.corrects"].values;
        SingleProcess comm;
        size_t next = 0;
        for (int64_t step = 0; step < kSteps; ++step) {
            const Tensor x = golden_steps_images(salt_of(golden, "probe"), step, backend_);
            const Tensor labels = Tensor::from_host(labels_of(step), {kBatch}, backend_);
            const Tensor features = probe_.features(x);
            const double first_loss = losses.at(next), first_correct = corrects.at(next);
            for (size_t h = 0; h < kHeadRates.size(); ++h, ++next) {
                const Loss loss = cross_entropy(probe_.scores(h, features), labels);
                EXPECT_NEAR(loss.value.item(), losses.at(next), kLossTolerance) << "head " << h << ", step " << step;
                EXPECT_EQ(loss.correct.item(), corrects.at(next)) << "head " << h << ", step " << step;
            }
            probe_.sgd.set_learning_rate(golden_steps_rate(step));
            const StepResult result = probe_step(probe_, features, labels, comm);
            EXPECT_NEAR(result.loss.item(), first_loss, kLossTolerance) << "step " << step;
            EXPECT_EQ(result.correct.item(), first_correct) << "step " << step;
        }
        EXPECT_EQ(next, losses.size());
        const std::vector<double> bounds = golden["probe.bounds"].values;
        expect_group(golden, "probe.parameters", probe_.heads_state().parameters, bounds[0]);
        expect_group(golden, "probe.momenta", probe_.sgd.momenta(), bounds[1]);
        EXPECT_EQ(bytes_of(frozen), before);
    }

  private:
    Backend& backend_;
    LinearProbe probe_;
};

TEST_P(TransferGolden, ThreeProbesSideBySide) {
    GoldenProbe(backend()).run(GoldenPack("transfer"));
}

TEST_P(TransferGolden, AProbeAloneHasTheBitsOfOneBesideOthers) {
    LinearProbe together(network_of(1), kClassesOfTen, kHeadRates, {kSgd.momentum, 0}, 7, backend());
    LinearProbe alone(network_of(1), kClassesOfTen, {1}, {kSgd.momentum, 0}, 7, backend());
    SingleProcess comm;
    for (int64_t step = 0; step < 3; ++step) {
        const Tensor labels = Tensor::from_host(labels_of(step), {kBatch}, backend());
        const Tensor features = together.features(golden_steps_images(1, step, backend()));
        together.sgd.set_learning_rate(golden_steps_rate(step));
        alone.sgd.set_learning_rate(golden_steps_rate(step) * kHeadRates[2]);
        probe_step(together, features, labels, comm);
        probe_step(alone, features, labels, comm);
        EXPECT_EQ(alone.scores(0, features).to_vector(), together.scores(2, features).to_vector()) << "step " << step;
    }
}

/// A fine-tuning of transfer.py.
struct Finetuning {
    std::string name;
    int64_t splits = 1;
    BatchNormMode mode = BatchNormMode::train;
    int64_t frozen_stages = 0;
};

void expect_golden_steps(const Finetuning& tuning, Backend& backend) {
    const GoldenPack golden("transfer");
    DepthRates rates = kRates;
    rates.frozen_stages = tuning.frozen_stages;
    Classifier classifier(network_of(tuning.splits), kSgd, 0, backend, rates);
    fill_as_trained(classifier.f);
    classifier.f.set_mode(tuning.mode);
    const std::vector<ModuleState> stages = classifier.f.encoder().stages();
    const std::vector<ModuleState> frozen(stages.begin(), stages.begin() + tuning.frozen_stages);
    std::vector<std::vector<std::vector<char>>> before;
    size_t frozen_parameters = 0;
    for (const ModuleState& stage : frozen) {
        before.push_back(bytes_of(stage));
        frozen_parameters += stage.parameters.size();
    }
    const ModuleState state = classifier.f.state();
    const std::vector<std::vector<char>> statistics = bytes_of(state.buffers);
    const NpyArray losses = golden[tuning.name + ".losses"], corrects = golden[tuning.name + ".corrects"];
    SingleProcess comm;
    for (int64_t step = 0; step < kSteps; ++step) {
        classifier.sgd.set_learning_rate(golden_steps_rate(step));
        const LabelledBatch batch(golden_steps_images(salt_of(golden, tuning.name), step, backend), labels_of(step), 1);
        const StepResult result = classifier_step(classifier, batch, comm, kSmoothed);
        const auto i = static_cast<size_t>(step);
        EXPECT_NEAR(result.loss.item(), losses.values[i], kLossTolerance) << "step " << step;
        EXPECT_EQ(result.correct.item(), corrects.values[i]) << "step " << step;
    }
    const std::vector<double> bounds = golden[tuning.name + ".bounds"].values;
    expect_group(golden, tuning.name + ".parameters", state.parameters, bounds[0]);
    expect_group(golden, tuning.name + ".buffers", state.buffers, bounds[1]);
    std::vector<NamedTensor> momenta = classifier.sgd.momenta();
    for (size_t i = 0; i < frozen_parameters; ++i) {
        const std::vector<float> values = momenta[i].tensor.to_vector();
        EXPECT_EQ(values, std::vector<float>(values.size(), 0)) << momenta[i].name;
    }
    momenta.erase(momenta.begin(), momenta.begin() + static_cast<std::ptrdiff_t>(frozen_parameters));
    expect_group(golden, tuning.name + ".momenta", momenta, bounds[2]);

    for (size_t s = 0; s < frozen.size(); ++s) EXPECT_EQ(bytes_of(frozen[s]), before[s]) << "stage " << s;
    const bool counts = tuning.mode == BatchNormMode::train;
    EXPECT_EQ(bytes_of(state.buffers) == statistics, !counts);
    EXPECT_EQ(state.buffers.back().tensor.to_vector<int64_t>()[0], counts ? kSteps : 0);
}

TEST_P(TransferGolden, FineTuningWithFrozenBatchNorm) {
    expect_golden_steps({"frozen_bn", 1, BatchNormMode::frozen, 0}, backend());
}

TEST_P(TransferGolden, FineTuningWithFrozenStages) {
    expect_golden_steps({"frozen_stages", 2, BatchNormMode::train, 2}, backend());
}

MOCO_FOR_EACH_BACKEND(TransferGolden);

}  // namespace
}  // namespace moco::testing
