// Max pooling over N,H,W,C.
#include <limits>

#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::max_pool_forward(const PoolDims& d, const float* x, float* y, uint8_t* argmax) {
    for (int64_t n = 0; n < d.N; ++n)
        for (int64_t oh = 0; oh < d.OH(); ++oh)
            for (int64_t ow = 0; ow < d.OW(); ++ow)
                for (int64_t c = 0; c < d.C; ++c) {
                    float best = -std::numeric_limits<float>::infinity();
                    int64_t where = -1;
                    for (int64_t k = 0; k < d.kernel * d.kernel; ++k) {
                        const int64_t h = oh * d.stride - d.pad + k / d.kernel,
                                      w = ow * d.stride - d.pad + k % d.kernel;
                        if (h < 0 || h >= d.H || w < 0 || w >= d.W) continue;
                        const float v = x[((n * d.H + h) * d.W + w) * d.C + c];
                        if (where < 0 || v > best) best = v, where = k;
                    }
                    const int64_t o = ((n * d.OH() + oh) * d.OW() + ow) * d.C + c;
                    y[o] = best;
                    argmax[o] = static_cast<uint8_t>(where);
                }
}

void CpuBackend::max_pool_backward(const PoolDims& d, const float* dy, const uint8_t* argmax, float* dx) {
    for (int64_t i = 0; i < d.x_count(); ++i) dx[i] = 0;
    for (int64_t n = 0; n < d.N; ++n)
        for (int64_t oh = 0; oh < d.OH(); ++oh)
            for (int64_t ow = 0; ow < d.OW(); ++ow)
                for (int64_t c = 0; c < d.C; ++c) {
                    const int64_t o = ((n * d.OH() + oh) * d.OW() + ow) * d.C + c, k = argmax[o];
                    const int64_t h = oh * d.stride - d.pad + k / d.kernel, w = ow * d.stride - d.pad + k % d.kernel;
                    dx[((n * d.H + h) * d.W + w) * d.C + c] += dy[o];
                }
}

}  // namespace moco::cpu
