// A convolution and batch normalisation: where the convolution can sum its own results, the pass that would read them
// again for it is left out.
#include "cpu/backend_impl.h"
#include "cpu/batch_norm.h"
#include "cpu/pool_scratch.h"
#include "cpu/winograd.h"

namespace moco::cpu {
namespace {

/// Fewer results are still in the cores' caches when batch normalisation reads them: then a pass of its own is as fast.
constexpr int64_t kLeastResults = 1 << 20;

bool sums_own_results(const Conv2dDims& d, ConvAlgorithm algorithm) {
    return d.dtype == DType::f32 && d.y_count() >= kLeastResults && winograd_wanted(algorithm, d, ConvPass::forward) &&
           winograd_sums_results(d);
}

}  // namespace

void CpuBackend::conv_bn_forward(const Conv2dDims& d, const BatchNormDims& b, const BatchNormOptions& options,
                                 const void* x, const float* weight, const float* gamma, const float* beta,
                                 const void* residual, float* running_mean, float* running_var, void* z, float* mean,
                                 float* inv_std, void* y, uint8_t* signs) {
    if (!sums_own_results(d, conv_algorithm_)) {
        Backend::conv_bn_forward(d, b, options, x, weight, gamma, beta, residual, running_mean, running_var, z, mean,
                                 inv_std, y, signs);
        return;
    }
    Scratch<double> sums(memory_, b.S * 2 * b.C);
    winograd_forward_with_sums(d, static_cast<const float*>(x), weight, static_cast<float*>(z), {b.S, sums.get()});
    batch_norm_forward_with_sums(
        memory_, {b, options, z, gamma, beta, residual, running_mean, running_var, mean, inv_std, y, signs},
        sums.get());
}

}  // namespace moco::cpu
