// Convolutions of the networks that MoCo trains, in GFLOP/s. Not part of the tests: run build/tests/moco_bench
// --benchmark_filter=..., with MOCO_TARGET=AVX2 for another instruction set.
#include <benchmark/benchmark.h>

#include "core/bf16.h"
#include "cpu/conv2d_bf16.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco {
namespace {

enum Pass { forward, backward_data, backward_weight };

constexpr const char* kPassNames[] = {"forward", "backward_data", "backward_weight"};

/// Nominal operations, padding included: Winograd and skipped taps can exceed the processor's peak.
void count_operations(benchmark::State& state, const Conv2dDims& d) {
    const double operations = 2.0 * static_cast<double>(d.y_count() * d.KH * d.KW * d.IC);
    state.counters["GFLOP/s"] =
        benchmark::Counter(operations * static_cast<double>(state.iterations()) * 1e-9, benchmark::Counter::kIsRate);
}

void convolve(benchmark::State& state, const Conv2dDims& d, Pass pass, ConvAlgorithm algorithm) {
    Backend& backend = testing::cpu();
    Tensor x = testing::formula_tensor(Shape{d.x_count()}, 1, backend),
           weight = testing::formula_tensor(Shape{d.weight_count()}, 2, backend),
           y = testing::formula_tensor(Shape{d.y_count()}, 3, backend);
    backend.set_conv_algorithm(algorithm);
    for (auto _ : state) {
        switch (pass) {
            case forward:
                backend.conv2d_forward(d, x.data(), weight.data(), y.mutable_data());
                break;
            case backward_data:
                backend.conv2d_backward_data(d, y.data(), weight.data(), x.mutable_data());
                break;
            case backward_weight:
                backend.conv2d_backward_weight(d, x.data(), y.data(), weight.mutable_data());
                break;
        }
    }
    backend.set_conv_algorithm(ConvAlgorithm::auto_select);
    count_operations(state, d);
}

void convolve_bf16(benchmark::State& state, const Conv2dDims& d, Pass pass) {
    const auto narrowed = [](const std::vector<float>& values) {
        std::vector<uint16_t> bits(values.size());
        std::transform(values.begin(), values.end(), bits.begin(), float_to_bf16);
        return bits;
    };
    std::vector<uint16_t> x = narrowed(testing::formula_values(d.x_count(), 1)),
                          y = narrowed(testing::formula_values(d.y_count(), 3));
    std::vector<float> weight = testing::formula_values(d.weight_count(), 2);
    for (auto _ : state) {
        switch (pass) {
            case forward:
                cpu::conv2d_forward_bf16(d, x.data(), weight.data(), y.data());
                break;
            case backward_data:
                cpu::conv2d_backward_data_bf16(d, y.data(), weight.data(), x.data());
                break;
            case backward_weight:
                cpu::conv2d_backward_weight_bf16(d, x.data(), y.data(), weight.data());
                break;
        }
    }
    count_operations(state, d);
}

// N, H, W, IC, OC, KH, KW, stride, pad
const std::pair<const char*, Conv2dDims> kShapes[] = {
    {"resnet18_stem", {128, 32, 32, 3, 64, 3, 3, 1, 1}},
    {"resnet18_3x3_64", {128, 32, 32, 64, 64, 3, 3, 1, 1}},
    {"resnet18_3x3_128_stride2", {128, 32, 32, 64, 128, 3, 3, 2, 1}},
    {"resnet18_3x3_128", {128, 16, 16, 128, 128, 3, 3, 1, 1}},
    {"resnet18_3x3_256", {128, 8, 8, 256, 256, 3, 3, 1, 1}},
    {"resnet18_3x3_512", {128, 4, 4, 512, 512, 3, 3, 1, 1}},
    {"resnet50_stem", {16, 224, 224, 3, 64, 7, 7, 2, 3}},
    {"resnet50_1x1_64_256", {16, 56, 56, 64, 256, 1, 1, 1, 0}},
    {"resnet50_1x1_512_128", {16, 28, 28, 512, 128, 1, 1, 1, 0}},
    {"resnet50_1x1_512_1024_stride2", {16, 28, 28, 512, 1024, 1, 1, 2, 0}},
    {"resnet50_3x3_64", {16, 56, 56, 64, 64, 3, 3, 1, 1}},
    {"resnet50_3x3_256", {16, 14, 14, 256, 256, 3, 3, 1, 1}},
    {"resnet50_3x3_512", {16, 7, 7, 512, 512, 3, 3, 1, 1}},
    {"resnet50_3x3_128_stride2", {16, 56, 56, 128, 128, 3, 3, 2, 1}},
    {"resnet50_1x1_256_64", {16, 56, 56, 256, 64, 1, 1, 1, 0}},
    {"resnet50_1x1_1024_256", {16, 14, 14, 1024, 256, 1, 1, 1, 0}},
    {"resnet50_1x1_512_2048", {16, 7, 7, 512, 2048, 1, 1, 1, 0}},
    {"fashion_stem", {128, 28, 28, 1, 16, 3, 3, 2, 1}},
    {"fashion_3x3_16", {128, 14, 14, 16, 16, 3, 3, 1, 1}},
    {"fashion_3x3_32_stride2", {128, 14, 14, 16, 32, 3, 3, 2, 1}},
    {"fashion_3x3_128", {128, 2, 2, 128, 128, 3, 3, 1, 1}},
};

const std::pair<const char*, ConvAlgorithm> kAlgorithms[] = {{"auto", ConvAlgorithm::auto_select},
                                                             {"direct", ConvAlgorithm::direct}};

const bool kRegistered = [] {
    for (const auto& [shape, d] : kShapes)
        for (const Pass pass : {forward, backward_data, backward_weight}) {
            benchmark::RegisterBenchmark(fmt::format("conv/{}/{}/bf16", shape, kPassNames[pass]).c_str(), convolve_bf16,
                                         d, pass)
                ->UseRealTime()
                ->Unit(benchmark::kMillisecond);
            for (const auto& [algorithm_name, algorithm] : kAlgorithms)
                benchmark::RegisterBenchmark(
                    fmt::format("conv/{}/{}/{}", shape, kPassNames[pass], algorithm_name).c_str(), convolve, d, pass,
                    algorithm)
                    ->UseRealTime()
                    ->Unit(benchmark::kMillisecond);
        }
    return true;
}();

}  // namespace
}  // namespace moco
