// Compares a whole network with the values tests/golden/nn.py stored: the same weights and images by formula.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/autograd.h"
#include "core/backend.h"
#include "nn/network.h"
#include "ops/cross_entropy.h"
#include "tests/support/npy.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {

struct GoldenNetwork {
    std::string file;
    NetworkConfig config;
    int64_t size, batch;
};

constexpr int64_t kClasses = 16;
constexpr size_t kGradientSamples = 64, kBufferSamples = 8;
constexpr double kFeatureTolerance = 1e-4;  // of the features' RMS, the issue's
constexpr double kBufferTolerance = 1e-5;   // running statistics are 0.1 of a batch statistic, so 1e-4 of that

/// Weights of Kaiming's size, gamma near 1 (1/4 for the last of a block), beta and biases near 0; nn.py's fill().
inline void fill_by_formula(Network& net) {
    const bool bottleneck = net.feature_dim() == 32 * net.config().width;
    const std::string last_gamma = bottleneck ? ".bn3.weight" : ".bn2.weight";
    uint32_t salt = 100;
    for (NamedTensor& parameter : net.state().parameters) {
        const Shape& s = parameter.tensor.shape();
        const bool gamma = s.rank() == 1 && parameter.name.ends_with("weight");
        double factor = 0.1;
        if (s.rank() == 4) factor = std::sqrt(6.0 / static_cast<double>(s[0] * s[1] * s[2]));
        if (s.rank() == 2) factor = 1.0 / std::sqrt(static_cast<double>(s[1]));
        std::vector<float> values = formula_values(s.count(), salt++);
        for (float& value : values) {
            value *= static_cast<float>(factor);
            if (gamma) value = (value + 1.0f) * (parameter.name.ends_with(last_gamma) ? 0.25f : 1.0f);
        }
        parameter.tensor.copy_from_host(values.data());
    }
}

/// The elements nn.py's sample() takes.
inline std::vector<float> sample(const std::vector<float>& all, size_t count) {
    if (all.size() <= count) return all;
    std::vector<float> samples;
    for (size_t j = 0; j < count; ++j) samples.push_back(all[j * 2654435761u % all.size()]);
    return samples;
}

inline double rms(const std::vector<float>& values) {
    double squares = 0;
    for (const float value : values) squares += static_cast<double>(value) * value;
    return std::sqrt(squares / static_cast<double>(values.size()));
}

/// The next `count` stored samples.
inline std::vector<double> take(const NpyArray& array, size_t& next, size_t count) {
    const auto first = array.values.begin() + static_cast<std::ptrdiff_t>(next);
    next += count;
    return {first, first + static_cast<std::ptrdiff_t>(count)};
}

/// Gradients: the worst element, the RMS over all samples and the worst RMS of a gradient, each relative to the
/// gradient's RMS, against twice what PyTorch's own f32 runs differ from its f64 run.
inline void expect_gradients(const Network& net, const GoldenPack& golden) {
    const NpyArray all_samples = golden["gradient_samples"], all_rms = golden["gradient_rms"];
    const NpyArray bounds = golden["gradient_bounds"];  // element, overall, RMS
    double worst = 0, squares = 0, worst_rms = 0;
    std::string worst_name;
    size_t next = 0, i = 0;
    for (const NamedTensor& parameter : net.state().parameters) {
        const std::vector<float> gradient = parameter.tensor.grad().to_vector();
        const double expected_rms = all_rms.values.at(i++);
        const std::vector<float> samples = sample(gradient, kGradientSamples);
        const std::vector<double> expected = take(all_samples, next, samples.size());
        double parameter_squares = 0;
        for (size_t j = 0; j < samples.size(); ++j) {
            const double error = std::abs(samples[j] - expected[j]) / expected_rms;
            parameter_squares += error * error;
            if (!(error <= worst)) {
                worst = error;
                worst_name = parameter.name;
            }
        }
        squares += parameter_squares / static_cast<double>(samples.size());
        worst_rms = std::max(worst_rms, std::abs(rms(gradient) / expected_rms - 1));
    }
    ASSERT_EQ(next, all_samples.values.size());
    EXPECT_LE(worst, bounds.values[0]) << "in the gradient of " << worst_name;
    EXPECT_LE(std::sqrt(squares / static_cast<double>(i)), bounds.values[1]);
    EXPECT_LE(worst_rms, bounds.values[2]);
    ::testing::Test::RecordProperty("worst_gradient_error", std::to_string(worst));
}

inline void expect_buffers(const Network& net, const GoldenPack& golden) {
    const NpyArray all_samples = golden["buffer_samples"], all_rms = golden["buffer_rms"];
    size_t next = 0, i = 0;
    for (const NamedTensor& buffer : net.state().buffers) {
        if (buffer.tensor.dtype() == DType::i64) {
            EXPECT_EQ(buffer.tensor.to_vector<int64_t>()[0], 1) << buffer.name;
            continue;
        }
        const std::vector<float> values = buffer.tensor.to_vector(), samples = sample(values, kBufferSamples);
        const std::vector<double> expected = take(all_samples, next, samples.size());
        const double expected_rms = all_rms.values.at(i++);
        EXPECT_NEAR(rms(values) / expected_rms, 1, kBufferTolerance) << buffer.name;
        for (size_t j = 0; j < samples.size(); ++j) {
            EXPECT_NEAR(samples[j] / expected_rms, expected[j] / expected_rms, kBufferTolerance) << buffer.name;
        }
    }
    EXPECT_EQ(next, all_samples.values.size());
}

/// One training pass and one in eval mode, with direct convolution.
inline void expect_golden(const GoldenNetwork& c) {
    Backend& backend = cpu();
    backend.set_conv_algorithm(ConvAlgorithm::direct);
    const GoldenPack golden(c.file);
    Network net(c.config, 0, backend);
    fill_by_formula(net);
    for (NamedTensor& parameter : net.state().parameters) parameter.tensor.set_requires_grad(true);
    const auto salt = static_cast<uint32_t>(golden["salt"].values[0]);
    const Tensor images = formula_tensor({c.batch, c.size, c.size, c.config.in_channels}, salt, backend);
    std::vector<int64_t> targets(static_cast<size_t>(c.batch));
    for (size_t n = 0; n < targets.size(); ++n) targets[n] = static_cast<int64_t>(n) % kClasses;

    const Tensor features = net.features(images);
    EXPECT_LE(error_over_rms(features.to_vector(), golden["features"].values), kFeatureTolerance);
    Loss loss = cross_entropy(net.project(features), Tensor::from_host(targets, {c.batch}, backend));
    EXPECT_NEAR(loss.value.item(), golden["loss"].values[0], kFeatureTolerance);
    loss.value.backward();
    expect_gradients(net, golden);
    expect_buffers(net, golden);

    NoGrad evaluation;
    net.set_mode(BatchNormMode::eval);
    EXPECT_LE(error_over_rms(net.features(images).to_vector(), golden["eval_features"].values), kFeatureTolerance);
    backend.set_conv_algorithm(ConvAlgorithm::auto_select);
}

/// The configuration of nn.py's networks: an MLP head to kClasses.
inline NetworkConfig golden_config(const std::string& arch, int64_t width, Stem stem, int64_t channels,
                                   int64_t splits) {
    NetworkConfig config;
    config.arch = arch;
    config.width = width;
    config.stem = stem;
    config.in_channels = channels;
    config.head = Head::mlp;
    config.dim = kClasses;
    config.bn_splits = splits;
    return config;
}

}  // namespace moco::testing
