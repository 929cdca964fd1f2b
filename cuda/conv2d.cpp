// The convolutions of the contract, by cuDNN.
//
// bf16: the weight is rounded to a bf16 copy for the call. Sums are kept in f32 and rounded once, the weight's gradient
// as well: cuDNN's convolutions have one type for all three tensors. It is then widened, so that a gradient of f32
// weights carries the 8 binary digits of a bf16 number.
#include <fmt/format.h>

#include "cuda/backend_impl.h"
#include "cuda/scratch.h"

namespace moco::cuda {
namespace {

constexpr float kOne = 1, kZero = 0;  // result = kOne * convolution + kZero * result: the result is not read

/// Memory of the length of a call.
using Bytes = Scratch<std::byte>;

/// Bytes of a weight (or its gradient) as cuDNN takes it, where that is not the f32 of the contract; otherwise 0.
int64_t narrow_weight_bytes(const Conv2dDims& d) {
    return d.dtype == DType::bf16 ? d.weight_count() * static_cast<int64_t>(size_of(DType::bf16)) : 0;
}

/// The weight in the type of x and y: itself, or its copy in `narrow`.
const void* weight_operand(Backend& backend, const Conv2dDims& d, const float* weight, const Bytes& narrow) {
    if (d.dtype == DType::f32) return weight;
    backend.cast(DType::f32, weight, DType::bf16, narrow.get(), d.weight_count());
    return narrow.get();
}

std::string call_of(std::string_view name, const ConvKey& key, const ConvPlan& plan) {
    return fmt::format("{} by {} of {}", name, algorithm_name(key.pass, plan.algorithm), shapes_of(key));
}

}  // namespace

void CudaBackend::set_conv_algorithm(ConvAlgorithm algorithm) {
    conv_algorithm_ = algorithm;
}

std::string CudaBackend::tuning() const {
    return conv_choices_.text();
}

void CudaBackend::set_tuning(std::string_view tuning) {
    if (conv_choices_.add_text(tuning)) conv_plans_.clear();
}

ConvKey CudaBackend::conv_key(const Conv2dDims& d, ConvPass pass) const {
    const Precision of_f32 = precision() == Precision::tf32 ? Precision::tf32 : Precision::f32;
    return {.dims = d,
            .pass = pass,
            .precision = d.dtype == DType::bf16 ? Precision::bf16 : of_f32,
            .wanted = conv_algorithm_};
}

const ConvPlan& CudaBackend::conv_plan(const ConvKey& key) {
    const auto found = conv_plans_.find(key);
    if (found != conv_plans_.end()) return found->second;
    return conv_plans_.emplace(key, make_plan(cudnn_.get(), key, conv_choices_)).first->second;
}

void CudaBackend::conv2d_forward(const Conv2dDims& d, const void* x, const float* weight, void* y) {
    const ConvKey key = conv_key(d, ConvPass::forward);
    const ConvPlan& plan = conv_plan(key);
    const Bytes narrow(*this, narrow_weight_bytes(d)), workspace(*this, static_cast<int64_t>(plan.workspace_bytes));
    check_cudnn(cudnnConvolutionForward(cudnn_.get(), &kOne, plan.x.get(), x, plan.weight.get(),
                                        weight_operand(*this, d, weight, narrow), plan.how.get(),
                                        static_cast<cudnnConvolutionFwdAlgo_t>(plan.algorithm), workspace.get(),
                                        plan.workspace_bytes, &kZero, plan.y.get(), y),
                [&] { return call_of("cudnnConvolutionForward", key, plan); });
}

void CudaBackend::conv2d_backward_data(const Conv2dDims& d, const void* dy, const float* weight, void* dx) {
    const ConvKey key = conv_key(d, ConvPass::backward_data);
    const ConvPlan& plan = conv_plan(key);
    const Bytes narrow(*this, narrow_weight_bytes(d)), workspace(*this, static_cast<int64_t>(plan.workspace_bytes));
    check_cudnn(cudnnConvolutionBackwardData(cudnn_.get(), &kOne, plan.weight.get(),
                                             weight_operand(*this, d, weight, narrow), plan.y.get(), dy, plan.how.get(),
                                             static_cast<cudnnConvolutionBwdDataAlgo_t>(plan.algorithm),
                                             workspace.get(), plan.workspace_bytes, &kZero, plan.x.get(), dx),
                [&] { return call_of("cudnnConvolutionBackwardData", key, plan); });
}

void CudaBackend::conv2d_backward_weight(const Conv2dDims& d, const void* x, const void* dy, float* dweight) {
    const ConvKey key = conv_key(d, ConvPass::backward_weight);
    const ConvPlan& plan = conv_plan(key);
    const Bytes narrow(*this, narrow_weight_bytes(d)), workspace(*this, static_cast<int64_t>(plan.workspace_bytes));
    void* const result = d.dtype == DType::bf16 ? static_cast<void*>(narrow.get()) : dweight;
    check_cudnn(
        cudnnConvolutionBackwardFilter(cudnn_.get(), &kOne, plan.x.get(), x, plan.y.get(), dy, plan.how.get(),
                                       static_cast<cudnnConvolutionBwdFilterAlgo_t>(plan.algorithm), workspace.get(),
                                       plan.workspace_bytes, &kZero, plan.weight.get(), result),
        [&] { return call_of("cudnnConvolutionBackwardFilter", key, plan); });
    if (d.dtype == DType::bf16) cast(DType::bf16, result, DType::f32, dweight, d.weight_count());
}

}  // namespace moco::cuda
