// ResNet: names, sizes, initialisation, modes, refusals.
#include "nn/resnet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "core/autograd.h"
#include "nn/network.h"
#include "nn/parameter_arena.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

NetworkConfig tiny(const std::string& arch = "resnet18", Stem stem = Stem::cifar) {
    NetworkConfig config;
    config.arch = arch;
    config.stem = stem;
    config.width = 4;
    config.dim = 8;
    return config;
}

/// "name extents...", with the extents of a convolution in PyTorch's order.
std::string line_of(const NamedTensor& named) {
    const Shape& s = named.tensor.shape();
    std::vector<int64_t> extents(s.extents().begin(), s.extents().end());
    if (s.rank() == 4) extents = {s[0], s[3], s[1], s[2]};
    return extents.empty() ? named.name : fmt::format("{} {}", named.name, fmt::join(extents, " "));
}

/// nn.names.txt: arch -> lines of "parameter name extents..." and "buffer name extents...".
std::map<std::string, std::vector<std::string>> torchvision_names() {
    std::map<std::string, std::vector<std::string>> names;
    std::ifstream file(golden_path("nn.names.txt"));
    std::string arch;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("= ")) {
            arch = line.substr(2);
        } else {
            names[arch].push_back(line);
        }
    }
    return names;
}

TEST(ResNet, StateIsNamedShapedAndOrderedAsTorchvisions) {
    const auto names = torchvision_names();
    ASSERT_EQ(names.size(), resnet_names().size());
    for (const auto& [arch, expected] : names) {
        // Shapes are compared at a quarter of the width: 9 million parameters instead of 146 million.
        NetworkConfig config;
        config.arch = arch;
        config.width = 16;
        config.head = Head::none;
        const ModuleState state = Network(config, 0, cpu()).state();
        std::vector<std::string> got;
        for (const NamedTensor& parameter : state.parameters) got.push_back("parameter " + line_of(parameter));
        for (const NamedTensor& buffer : state.buffers) got.push_back("buffer " + line_of(buffer));
        ASSERT_EQ(got.size(), expected.size()) << arch;
        for (size_t i = 0; i < got.size(); ++i) {
            std::istringstream got_words(got[i]), expected_words(expected[i]);
            std::string g, e;
            for (int word = 0; expected_words >> e; ++word) {
                got_words >> g;
                // Channel counts of 64 and more scale with the width; kernels (1, 3, 7) and images (3) do not.
                const bool channels = word >= 2 && std::stoll(e) >= 64;
                EXPECT_EQ(g, channels ? std::to_string(std::stoll(e) / 4) : e) << got[i] << " for " << expected[i];
            }
            EXPECT_FALSE(got_words >> g) << got[i] << " for " << expected[i];
        }
    }
}

TEST(ResNet, HeadsAreNamedAsTheReferenceCodesAre) {
    const auto last_names = [](Head head) {
        NetworkConfig config = tiny();
        config.head = head;
        const auto parameters = Network(config, 0, cpu()).state().parameters;
        std::vector<std::string> names;
        for (size_t i = 60; i < parameters.size(); ++i) names.push_back(line_of(parameters[i]));
        return names;
    };
    using ::testing::ElementsAre;
    EXPECT_THAT(last_names(Head::none), ElementsAre());
    EXPECT_THAT(last_names(Head::linear), ElementsAre("fc.weight 8 32", "fc.bias 8"));
    EXPECT_THAT(last_names(Head::mlp),
                ElementsAre("fc.0.weight 32 32", "fc.0.bias 32", "fc.2.weight 8 32", "fc.2.bias 8"));
}

TEST(ResNet, FeaturesAndOutputsHaveTheirSizes) {
    struct Case {
        std::string arch;
        Stem stem;
        int64_t H, W, feature_dim;
    };
    for (const auto& [arch, stem, H, W, feature_dim] :
         {Case{"resnet18", Stem::imagenet, 33, 40, 32}, Case{"resnet34", Stem::cifar, 8, 9, 32},
          Case{"resnet50", Stem::cifar_s2, 17, 16, 128}, Case{"resnet101", Stem::imagenet, 32, 32, 128},
          Case{"resnet152", Stem::cifar, 3, 3, 128}}) {
        NoGrad no_gradient;
        Network net(tiny(arch, stem), 1, cpu());
        EXPECT_EQ(net.feature_dim(), feature_dim) << arch;
        EXPECT_EQ(net.output_dim(), 8) << arch;
        const Tensor x = formula_tensor({2, H, W, 3}, 1, cpu());
        EXPECT_EQ(net.features(x).shape(), Shape({2, feature_dim})) << arch;
        const Tensor y = net.forward(x);
        EXPECT_EQ(y.shape(), Shape({2, 8})) << arch;
        for (const float value : y.to_vector()) ASSERT_TRUE(std::isfinite(value)) << arch;
    }
}

TEST(ResNet, WithoutAHeadTheOutputIsTheFeatures) {
    NetworkConfig config = tiny();
    config.head = Head::none;
    Network net(config, 1, cpu());
    net.set_mode(BatchNormMode::eval);
    const Tensor x = formula_tensor({2, 8, 8, 3}, 1, cpu());
    EXPECT_EQ(net.output_dim(), net.feature_dim());
    EXPECT_EQ(net.forward(x).to_vector(), net.features(x).to_vector());
}

TEST(ResNet, ImagesSmallerThanTheStemAreRefused) {
    for (const auto& [stem, smallest] :
         {std::pair{Stem::imagenet, int64_t{7}}, {Stem::cifar, 3}, {Stem::cifar_s2, 3}}) {
        Network net(tiny("resnet18", stem), 1, cpu());
        net.set_mode(BatchNormMode::eval);
        EXPECT_EQ(net.minimum_size(), smallest);
        const Tensor fits = formula_tensor({1, smallest, smallest, 3}, 1, cpu());
        EXPECT_EQ(net.features(fits).shape(), Shape({1, 32}));
        const Tensor small = formula_tensor({1, smallest, smallest - 1, 3}, 1, cpu());
        expect_error([&] { net.features(small); }, {"smaller than", std::string(name_of(stem))});
    }
}

TEST(ResNet, WrongImagesAndSettingsAreRefusedInOneSentence) {
    NetworkConfig config = tiny();
    config.bn_splits = 4;
    Network net(config, 1, cpu());
    expect_error([&] { net.features(Tensor::zeros({4, 8, 8, 1}, DType::f32, cpu())); }, {"1 channels", "takes 3"});
    expect_error([&] { net.features(Tensor::zeros({4, 8, 8}, DType::f32, cpu())); }, {"N,H,W,C", "4x8x8"});
    expect_error([&] { net.features(Tensor::zeros({6, 8, 8, 3}, DType::f32, cpu())); }, {"4 BN splits", "6 images"});
    expect_error([&] { Network(tiny("resnet20"), 1, cpu()); }, {"'resnet20'", "resnet18, resnet34, resnet50"});
    config = tiny();
    config.width = 0;
    expect_error([&] { Network(config, 1, cpu()); }, {"width is 0"});
    expect_error([&] { stem_from_name("stl"); }, {"'stl'", "imagenet, cifar, cifar-s2"});
}

TEST(ResNet, StemsGoByTheirNames) {
    for (const Stem stem : {Stem::imagenet, Stem::cifar, Stem::cifar_s2})
        EXPECT_EQ(stem_from_name(name_of(stem)), stem);
}

/// The named parameter of a network.
Tensor parameter(const Network& net, const std::string& name) {
    for (const NamedTensor& named : net.state().parameters) {
        if (named.name == name) return named.tensor;
    }
    fail("the network has no parameter {}", name);
}

struct Moments {
    double mean = 0, deviation = 0, largest = 0;
};

Moments moments_of(const Tensor& tensor) {
    Moments m;
    const std::vector<float> values = tensor.to_vector();
    for (const float v : values) m.mean += v / static_cast<double>(values.size());
    for (const float v : values) m.deviation += (v - m.mean) * (v - m.mean) / static_cast<double>(values.size());
    m.deviation = std::sqrt(m.deviation);
    for (const float v : values) m.largest = std::max(m.largest, static_cast<double>(std::abs(v)));
    return m;
}

TEST(ResNet, IsInitialisedAsTheMethodSays) {
    NetworkConfig config;
    config.arch = "resnet18";
    config.width = 32;
    const Network net(config, 7, cpu());
    // 128x3x3x128: Kaiming normal, fan_out = 128 * 9. The deviation of 147456 draws is known to 0.2 %; 4 sigma: 0.8 %.
    const Moments conv = moments_of(parameter(net, "layer3.1.conv2.weight"));
    const double deviation = std::sqrt(2.0 / (128 * 9));
    EXPECT_NEAR(conv.deviation / deviation, 1, 0.008);
    EXPECT_NEAR(conv.mean / deviation, 0, 0.011);
    EXPECT_GT(conv.largest, 3.5 * deviation) << "a normal distribution has tails";
    // 128x256: uniform in +-1/16.
    const Moments head = moments_of(parameter(net, "fc.weight"));
    EXPECT_NEAR(head.deviation / (1 / 16.0 / std::sqrt(3.0)), 1, 0.01);
    EXPECT_LE(head.largest, 1 / 16.0);
    EXPECT_GT(head.largest, 0.99 / 16.0);
    const Moments bias = moments_of(parameter(net, "fc.bias"));
    EXPECT_LE(bias.largest, 1 / 16.0);
    EXPECT_GT(bias.deviation, 0.02);
    for (const NamedTensor& named : net.state().parameters) {
        if (named.name.find("bn") == std::string::npos && named.name.find("downsample.1") == std::string::npos)
            continue;
        const float expected = named.name.ends_with("weight") ? 1.0f : 0.0f;
        EXPECT_THAT(named.tensor.to_vector(), ::testing::Each(expected)) << named.name;
    }
    for (const NamedTensor& named : net.state().buffers) {
        if (named.tensor.dtype() == DType::i64) {
            EXPECT_EQ(named.tensor.to_vector<int64_t>(), std::vector<int64_t>{0}) << named.name;
        } else {
            const float expected = named.name.ends_with("running_var") ? 1.0f : 0.0f;
            EXPECT_THAT(named.tensor.to_vector(), ::testing::Each(expected)) << named.name;
        }
    }
}

TEST(ResNet, TheStemsInitialisationIsAChoice) {
    NetworkConfig config = tiny();
    config.width = 64;
    config.stem_init = ConvInit::uniform;
    const Moments stem = moments_of(parameter(Network(config, 7, cpu()), "conv1.weight"));
    EXPECT_LE(stem.largest, 1 / std::sqrt(27.0));
    EXPECT_NEAR(stem.deviation * std::sqrt(3.0 * 27.0), 1, 0.05);
    config.stem_init = ConvInit::kaiming_normal;
    EXPECT_NEAR(moments_of(parameter(Network(config, 7, cpu()), "conv1.weight")).deviation / std::sqrt(2.0 / (64 * 9)),
                1, 0.07);
}

TEST(ResNet, TheSeedAloneDecidesTheParameters) {
    const Network a(tiny(), 3, cpu()), b(tiny(), 3, cpu()), c(tiny(), 4, cpu());
    EXPECT_EQ(parameter(a, "layer2.0.conv1.weight").to_vector(), parameter(b, "layer2.0.conv1.weight").to_vector());
    EXPECT_NE(parameter(a, "layer2.0.conv1.weight").to_vector(), parameter(c, "layer2.0.conv1.weight").to_vector());
    EXPECT_NE(parameter(a, "layer1.0.conv1.weight").to_vector(), parameter(a, "layer1.0.conv2.weight").to_vector());
}

TEST(ResNet, CopiesParametersButNotStatistics) {
    Network q(tiny(), 1, cpu()), k(tiny(), 2, cpu());
    const Tensor x = formula_tensor({4, 8, 8, 3}, 1, cpu());
    q.forward(x);
    k.copy_parameters_from(q);
    const ModuleState of_q = q.state(), of_k = k.state();
    for (size_t i = 0; i < of_q.parameters.size(); ++i) {
        EXPECT_EQ(of_q.parameters[i].tensor.to_vector(), of_k.parameters[i].tensor.to_vector());
    }
    EXPECT_THAT(of_k.buffers[0].tensor.to_vector(), ::testing::Each(0.0f));
    EXPECT_NE(of_q.buffers[0].tensor.to_vector(), of_k.buffers[0].tensor.to_vector());
    Network other(tiny("resnet34"), 1, cpu());
    expect_error([&] { other.copy_parameters_from(q); }, {"resnet34", "resnet18"});
}

TEST(ResNet, EvaluationChangesNothing) {
    Network net(tiny(), 1, cpu());
    const Tensor x = formula_tensor({4, 8, 8, 3}, 1, cpu()), other = formula_tensor({4, 8, 8, 3}, 2, cpu());
    net.forward(x);
    net.set_mode(BatchNormMode::eval);
    const std::vector<float> mean = net.state().buffers[0].tensor.to_vector();
    const std::vector<float> alone = net.forward(x.rows(0, 1)).to_vector();
    net.forward(other);
    EXPECT_EQ(net.state().buffers[0].tensor.to_vector(), mean);
    const std::vector<float> together = net.forward(x).to_vector();
    for (size_t i = 0; i < alone.size(); ++i) EXPECT_NEAR(together[i], alone[i], 1e-5) << "the batch must not matter";
}

TEST(ResNet, CountsTheBatchesItTrainedOn) {
    Network net(tiny(), 1, cpu());
    const Tensor x = formula_tensor({2, 8, 8, 3}, 1, cpu());
    const auto counts = [&] {
        std::vector<int64_t> all;
        for (const NamedTensor& named : net.state().buffers) {
            if (named.name.ends_with("num_batches_tracked")) all.push_back(named.tensor.to_vector<int64_t>()[0]);
        }
        return all;
    };
    const std::vector<NamedTensor> before = net.state().buffers;
    net.forward(x);
    net.forward(x);
    EXPECT_THAT(counts(), ::testing::AllOf(::testing::SizeIs(20), ::testing::Each(2)));
    EXPECT_EQ(before[2].tensor.to_vector<int64_t>()[0], 2) << "a state collected earlier stays current";
    net.set_mode(BatchNormMode::eval);
    net.forward(x);
    EXPECT_THAT(counts(), ::testing::Each(2));

    // A loaded checkpoint writes through the state's handles; counting goes on from there.
    const int64_t loaded = 40;
    Tensor third = net.state().buffers[8].tensor;
    third.copy_from_host(&loaded);
    net.set_mode(BatchNormMode::train);
    net.forward(x);
    std::vector<int64_t> expected(20, 3);
    expected[2] = 41;
    EXPECT_EQ(counts(), expected);
}

TEST(ResNet, AnArenaTakesItsParameters) {
    Network net(tiny(), 1, cpu()), twin(tiny(), 1, cpu());
    ParameterArena arena(net.state().parameters, ArenaContents::values_and_gradients);
    const Tensor x = formula_tensor({2, 8, 8, 3}, 1, cpu());
    EXPECT_EQ(net.forward(x).to_vector(), twin.forward(x).to_vector());
    arena.values().fill_zero();
    EXPECT_THAT(net.forward(x).to_vector(), ::testing::Each(0.0f)) << "the network reads the arena";
}

}  // namespace
}  // namespace moco::testing
