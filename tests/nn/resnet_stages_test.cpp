// ResNet by depth: its stages, and what it means that the first of them are frozen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/autograd.h"
#include "nn/network.h"
#include "ops/cross_entropy.h"
#include "ops/global_avg_pool.h"
#include "tests/support/message.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

NetworkConfig tiny(const std::string& arch = "resnet18") {
    NetworkConfig config;
    config.arch = arch;
    config.stem = Stem::cifar;
    config.width = 4;
    config.dim = 8;
    return config;
}

std::vector<std::string> names_of(const std::vector<NamedTensor>& tensors) {
    std::vector<std::string> names;
    for (const NamedTensor& named : tensors) names.push_back(named.name);
    return names;
}

TEST(ResNetStages, TogetherInOrderTheyAreTheState) {
    for (const std::string arch : {"resnet18", "resnet50"}) {
        NetworkConfig config = tiny(arch);
        config.head = Head::none;
        const Network net(config, 1, cpu());
        const std::vector<ModuleState> stages = net.encoder().stages();
        ASSERT_EQ(stages.size(), 5u);
        ModuleState together;
        for (size_t s = 0; s < stages.size(); ++s) {
            const std::string first = s == 0 ? "conv1.weight" : fmt::format("layer{}.0.conv1.weight", s);
            EXPECT_EQ(stages[s].parameters.front().name, first);
            for (const NamedTensor& named : stages[s].parameters) together.parameters.push_back(named);
            for (const NamedTensor& named : stages[s].buffers) together.buffers.push_back(named);
        }
        EXPECT_EQ(names_of(together.parameters), names_of(net.state().parameters)) << arch;
        EXPECT_EQ(names_of(together.buffers), names_of(net.state().buffers)) << arch;
        EXPECT_EQ(together.buffers[0].tensor.data(), net.state().buffers[0].tensor.data()) << "the same tensors";
    }
}

class ShownLayers : public EachBackend {};
MOCO_FOR_EACH_BACKEND(ShownLayers);

TEST_P(ShownLayers, AreTheMapsFromTheImagesUp) {
    const NoGrad no_gradient;
    Network net(tiny(), 1, backend());
    net.set_mode(BatchNormMode::eval);
    std::vector<std::string> names, ends;
    std::vector<Shape> shapes;
    Tensor last;
    const Tensor x = formula_tensor({2, 8, 8, 3}, 1, backend());
    const Tensor pooled = net.encoder().forward_showing(x, [&](const EncoderLayer& layer, const Tensor& y) {
        names.push_back(layer.name);
        if (layer.ends_stage) ends.push_back(layer.stage);
        shapes.push_back(y.shape());
        last = y;
    });
    EXPECT_EQ(names, (std::vector<std::string>{"stem", "layer1.0", "layer1.1", "layer2.0", "layer2.1", "layer3.0",
                                               "layer3.1", "layer4.0", "layer4.1"}));
    EXPECT_EQ(ends, (std::vector<std::string>{"stem", "layer1", "layer2", "layer3", "layer4"}));
    EXPECT_EQ(ends.size(), net.encoder().stages().size());
    EXPECT_EQ(shapes.front(), (Shape{2, 8, 8, 4}));
    EXPECT_EQ(shapes.back(), (Shape{2, 1, 1, 32}));
    EXPECT_EQ(global_avg_pool(last).to_vector(), pooled.to_vector());
    EXPECT_EQ(pooled.to_vector(), net.features(x).to_vector()) << "showing changes nothing";
}

class FrozenStages : public EachBackend {
  protected:
    /// One forward pass, and what it did to the statistics of each stage.
    static std::vector<bool> moved(Network& net, const Tensor& x) {
        const std::vector<ModuleState> stages = net.encoder().stages();
        std::vector<std::vector<float>> before;
        for (const ModuleState& stage : stages) before.push_back(stage.buffers.front().tensor.to_vector());
        net.forward(x);
        std::vector<bool> moved;
        for (size_t s = 0; s < stages.size(); ++s) {
            moved.push_back(stages[s].buffers.front().tensor.to_vector() != before[s]);
        }
        return moved;
    }
    static std::vector<int64_t> counts(const Network& net) {
        std::vector<int64_t> counts;
        for (const ModuleState& stage : net.encoder().stages()) {
            counts.push_back(stage.buffers.back().tensor.to_vector<int64_t>()[0]);
        }
        return counts;
    }
    Tensor images_ = formula_tensor({4, 8, 8, 3}, 1, backend());
};

TEST_P(FrozenStages, KeepTheirStatisticsAndCounts) {
    const NoGrad no_gradient;
    for (int64_t frozen = 0; frozen <= 5; ++frozen) {
        SCOPED_TRACE(fmt::format("{} frozen", frozen));
        Network net(tiny(), 1, backend());
        net.encoder().freeze_stages(frozen);
        std::vector<bool> expected_moved;
        std::vector<int64_t> expected_counts;
        for (int64_t s = 0; s < 5; ++s) {
            expected_moved.push_back(s >= frozen);
            expected_counts.push_back(s >= frozen ? 2 : 0);
        }
        EXPECT_EQ(moved(net, images_), expected_moved);
        EXPECT_EQ(moved(net, images_), expected_moved);
        EXPECT_EQ(counts(net), expected_counts);
    }
}

TEST_P(FrozenStages, StayFrozenInEveryModeUntilTheyAreFreed) {
    const NoGrad no_gradient;
    Network net(tiny(), 1, backend());
    net.encoder().freeze_stages(2);
    net.set_mode(BatchNormMode::eval);
    EXPECT_EQ(moved(net, images_), std::vector<bool>(5, false));
    net.set_mode(BatchNormMode::frozen);
    EXPECT_EQ(moved(net, images_), std::vector<bool>(5, false));
    net.set_mode(BatchNormMode::train);
    EXPECT_EQ(net.mode(), BatchNormMode::train);
    EXPECT_EQ(moved(net, images_), (std::vector<bool>{false, false, true, true, true}));
    net.encoder().freeze_stages(0);
    EXPECT_EQ(moved(net, images_), std::vector<bool>(5, true));
    EXPECT_EQ(counts(net), (std::vector<int64_t>{1, 1, 2, 2, 2}));
}

TEST_P(FrozenStages, NormaliseWithTheirRunningStatistics) {
    const NoGrad no_gradient;
    Network frozen(tiny(), 1, backend()), evaluated(tiny(), 1, backend());
    frozen.encoder().freeze_stages(5);
    evaluated.set_mode(BatchNormMode::eval);
    EXPECT_EQ(frozen.forward(images_).to_vector(), evaluated.forward(images_).to_vector());
}

TEST_P(FrozenStages, TakeNoGradientAndLetTheOthersHaveTheirs) {
    Network net(tiny(), 1, backend());
    net.encoder().freeze_stages(2);
    const std::vector<ModuleState> stages = net.encoder().stages();
    for (size_t s = 0; s < 5; ++s) {
        for (NamedTensor named : stages[s].parameters) named.tensor.set_requires_grad(s >= 2);
    }
    cross_entropy(net.forward(images_), Tensor::from_host(std::vector<int64_t>{0, 1, 2, 3}, {4}, backend()))
        .value.backward();
    for (size_t s = 0; s < 5; ++s) {
        for (const NamedTensor& named : stages[s].parameters) {
            EXPECT_EQ(named.tensor.grad().defined(), s >= 2) << named.name;
        }
    }
}

TEST(ResNetStages, NumbersThatItHasNotAreRefused) {
    Network net(tiny(), 1, cpu());
    for (const int64_t count : {-1, 6}) {
        EXPECT_EQ(message_of([&] { net.encoder().freeze_stages(count); }),
                  fmt::format("resnet18: {} frozen stages, there are 5 (the stem is the first)", count));
    }
}

MOCO_FOR_EACH_BACKEND(FrozenStages);

}  // namespace
}  // namespace moco::testing
