// Convolutions of N,H,W,C images with O,H,W,I weights.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/conv2d_direct.h"

namespace moco::cpu {
namespace {

/// Calls f(output pixel, tap, input pixel) for every pair of an output pixel and a tap that meets the image.
template <typename F>
void for_each_tap(const Conv2dDims& d, const F& f) {
    for (int64_t oh = 0; oh < d.OH(); ++oh)
        for (int64_t ow = 0; ow < d.OW(); ++ow)
            for (int64_t kh = 0; kh < d.KH; ++kh)
                for (int64_t kw = 0; kw < d.KW; ++kw) {
                    const int64_t h = oh * d.stride + kh - d.pad, w = ow * d.stride + kw - d.pad;
                    if (h >= 0 && h < d.H && w >= 0 && w < d.W) f(oh * d.OW() + ow, kh * d.KW + kw, h * d.W + w);
                }
}

}  // namespace

void CpuBackend::set_conv_algorithm(ConvAlgorithm algorithm) {
    conv_algorithm_ = algorithm;
}

void CpuBackend::conv2d_forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    direct_forward(d, x, weight, y);
}

void CpuBackend::conv2d_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    direct_backward_data(d, dy, weight, dx);
}

void CpuBackend::conv2d_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    const int64_t x_image = d.H * d.W * d.IC, y_image = d.OH() * d.OW() * d.OC, taps = d.KH * d.KW;
    parallel_for(d.OC, 1, [&](int64_t begin, int64_t end) {
        std::fill(dweight + begin * taps * d.IC, dweight + end * taps * d.IC, 0.0f);
        for (int64_t n = 0; n < d.N; ++n)
            for_each_tap(d, [&](int64_t out, int64_t tap, int64_t in) {
                const float* xs = x + n * x_image + in * d.IC;
                const float* dys = dy + n * y_image + out * d.OC;
                for (int64_t oc = begin; oc < end; ++oc) {
                    float* dw = dweight + (oc * taps + tap) * d.IC;
                    for (int64_t ic = 0; ic < d.IC; ++ic) dw[ic] += dys[oc] * xs[ic];
                }
            });
    });
}

}  // namespace moco::cpu
