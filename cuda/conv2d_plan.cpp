#include "cuda/conv2d_plan.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <vector>

#include "core/error.h"

namespace moco::cuda {
namespace {

// Beyond it, an algorithm's speed is not worth the images that would have fitted.
constexpr size_t kWorkspaceLimit = size_t{1} << 30;

/// Whether the algorithm is Winograd's, and whether it sums other values than products of its inputs (then FFT, too).
bool is_winograd(ConvPass pass, int algorithm) {
    return algorithm_name(pass, algorithm).starts_with("WINOGRAD");
}
bool transforms(ConvPass pass, int algorithm) {
    return is_winograd(pass, algorithm) || algorithm_name(pass, algorithm).starts_with("FFT");
}

/// The most that cuDNN may do to the factors. It may choose less.
cudnnMathType_t math_for(Precision precision) {
    switch (precision) {
        case Precision::f32:
            return CUDNN_FMA_MATH;
        case Precision::tf32:
            return CUDNN_DEFAULT_MATH;  // that is TF32 where the device has it
        case Precision::bf16:
            break;
    }
    return CUDNN_TENSOR_OP_MATH;
}

bool math_allowed(Precision precision, int math) {
    if (precision == Precision::f32) return math == CUDNN_FMA_MATH;
    return math != CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION;  // that may narrow f32 to 16 bits
}

bool allowed(const ConvCandidate& candidate, const ConvKey& key) {
    const bool plain = !transforms(key.pass, candidate.choice.algorithm);
    return candidate.deterministic && math_allowed(key.precision, candidate.choice.math) &&
           (plain || key.wanted != ConvAlgorithm::direct);
}

/// Whether `a` is to be taken rather than `b`, which is faster by cuDNN's account.
bool better(const ConvCandidate& a, const ConvCandidate& b, const ConvKey& key, size_t workspace_limit) {
    const bool a_fits = a.workspace_bytes <= workspace_limit, b_fits = b.workspace_bytes <= workspace_limit;
    if (a_fits != b_fits) return a_fits;
    if (!a_fits) return a.workspace_bytes < b.workspace_bytes;
    return key.wanted == ConvAlgorithm::winograd && is_winograd(key.pass, a.choice.algorithm) &&
           !is_winograd(key.pass, b.choice.algorithm);
}

template <typename Perf>
std::vector<ConvCandidate> candidates_of(std::span<const Perf> results) {
    std::vector<ConvCandidate> candidates;
    for (const Perf& result : results) {
        if (result.status != CUDNN_STATUS_SUCCESS) continue;
        candidates.push_back({.choice = {result.algo, result.mathType},
                              .workspace_bytes = result.memory,
                              .deterministic = result.determinism == CUDNN_DETERMINISTIC});
    }
    return candidates;
}

// Room for every algorithm with and without tensor cores.
template <typename Perf>
using Results = std::array<Perf, 2 * CUDNN_CONVOLUTION_FWD_ALGO_COUNT>;

/// Fills an array by `get` (one of cuDNN's three functions for it) and returns what it holds.
template <typename Perf, typename Get>
std::vector<ConvCandidate> collect(const ConvKey& key, std::string_view call, const Get& get) {
    Results<Perf> results{};
    int count = 0;
    check_cudnn(get(static_cast<int>(results.size()), &count, results.data()),
                [&] { return fmt::format("{} of {}", call, shapes_of(key)); });
    return candidates_of(std::span<const Perf>(results.data(), static_cast<size_t>(count)));
}

// By cuDNN's estimate, not by its measurement (cudnnFind...): a choice by timing may be another one in the next run,
// and with it the last bits of all results. The estimate is one of the shape, the device and the library's version.
std::vector<ConvCandidate> offered(cudnnHandle_t handle, const ConvKey& key, const ConvPlan& p) {
    switch (key.pass) {
        case ConvPass::forward:
            return collect<cudnnConvolutionFwdAlgoPerf_t>(
                key, "cudnnGetConvolutionForwardAlgorithm_v7", [&](int most, int* count, auto* results) {
                    return cudnnGetConvolutionForwardAlgorithm_v7(handle, p.x.get(), p.weight.get(), p.how.get(),
                                                                  p.y.get(), most, count, results);
                });
        case ConvPass::backward_data:
            return collect<cudnnConvolutionBwdDataAlgoPerf_t>(
                key, "cudnnGetConvolutionBackwardDataAlgorithm_v7", [&](int most, int* count, auto* results) {
                    return cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, p.weight.get(), p.y.get(), p.how.get(),
                                                                       p.x.get(), most, count, results);
                });
        case ConvPass::backward_weight:
            break;
    }
    return collect<cudnnConvolutionBwdFilterAlgoPerf_t>(
        key, "cudnnGetConvolutionBackwardFilterAlgorithm_v7", [&](int most, int* count, auto* results) {
            return cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, p.x.get(), p.y.get(), p.how.get(),
                                                                 p.weight.get(), most, count, results);
        });
}

cudnnStatus_t find_workspace_bytes(cudnnHandle_t handle, ConvPass pass, ConvPlan& p) {
    switch (pass) {
        case ConvPass::forward:
            return cudnnGetConvolutionForwardWorkspaceSize(handle, p.x.get(), p.weight.get(), p.how.get(), p.y.get(),
                                                           static_cast<cudnnConvolutionFwdAlgo_t>(p.algorithm),
                                                           &p.workspace_bytes);
        case ConvPass::backward_data:
            return cudnnGetConvolutionBackwardDataWorkspaceSize(
                handle, p.weight.get(), p.y.get(), p.how.get(), p.x.get(),
                static_cast<cudnnConvolutionBwdDataAlgo_t>(p.algorithm), &p.workspace_bytes);
        case ConvPass::backward_weight:
            break;
    }
    return cudnnGetConvolutionBackwardFilterWorkspaceSize(handle, p.x.get(), p.y.get(), p.how.get(), p.weight.get(),
                                                          static_cast<cudnnConvolutionBwdFilterAlgo_t>(p.algorithm),
                                                          &p.workspace_bytes);
}

/// cuDNN counts elements in 32 bits, for each tensor of a call.
void check_sizes(const ConvKey& key) {
    constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
    const Conv2dDims& d = key.dims;
    check(
        d.x_count() <= kMost && d.y_count() <= kMost,
        "conv2d: cuDNN takes no tensor of 2^31 elements or more, and here x has {} and y {} ({}); use a smaller batch",
        d.x_count(), d.y_count(), shapes_of(key));
}

ConvPlan described(const ConvKey& key) {
    check_sizes(key);
    const Conv2dDims& d = key.dims;
    ConvPlan plan;
    plan.x = describe_tensor(d.dtype, d.N, d.H, d.W, d.IC);
    plan.y = describe_tensor(d.dtype, d.N, d.OH(), d.OW(), d.OC);
    plan.weight = describe_filter(d.dtype, d.OC, d.KH, d.KW, d.IC);
    plan.how = describe_convolution(d.stride, d.pad);
    return plan;
}

void set_math(const ConvKey& key, const ConvPlan& plan, int math) {
    check_cudnn(cudnnSetConvolutionMathType(plan.how.get(), static_cast<cudnnMathType_t>(math)),
                [&] { return fmt::format("cudnnSetConvolutionMathType {} of {}", math, shapes_of(key)); });
}

}  // namespace

std::optional<ConvChoice> choose(std::span<const ConvCandidate> candidates, const ConvKey& key,
                                 size_t workspace_limit) {
    const ConvCandidate* best = nullptr;
    for (const ConvCandidate& candidate : candidates) {
        if (!allowed(candidate, key)) continue;
        if (best == nullptr || better(candidate, *best, key, workspace_limit)) best = &candidate;
    }
    return best == nullptr ? std::nullopt : std::optional(best->choice);
}

ConvPlan make_plan(cudnnHandle_t handle, const ConvKey& key, ConvChoices& choices) {
    ConvPlan plan = described(key);
    if (choices.find(key) == nullptr) {
        set_math(key, plan, math_for(key.precision));
        const auto choice = choose(offered(handle, key, plan), key, kWorkspaceLimit);
        check(choice.has_value(), "conv2d: {} has no deterministic algorithm for this convolution on this device ({})",
              cudnn_version(), shapes_of(key));
        choices.add(key, *choice);
    }
    const ConvChoice choice = *choices.find(key);
    set_math(key, plan, choice.math);
    plan.algorithm = choice.algorithm;
    check_cudnn(find_workspace_bytes(handle, key.pass, plan), [&] {
        return fmt::format("the workspace's size for {} of {}", algorithm_name(key.pass, plan.algorithm),
                           shapes_of(key));
    });
    return plan;
}

}  // namespace moco::cuda
