// Max pooling over N,H,W,C, vectorised over the channels.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/max_pool.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Row `row` of the output, counted over all samples.
void max_pool_row(const PoolDims& d, const float* x, float* y, uint8_t* argmax, int64_t row) {
    const int64_t OH = d.OH(), OW = d.OW();
    const int64_t top = row % OH * d.stride - d.pad;
    const float* sample = x + row / OH * d.H * d.W * d.C;
    const int64_t kh_begin = std::max<int64_t>(0, -top), kh_end = std::min(d.kernel, d.H - top);
    for (int64_t ow = 0; ow < OW; ++ow) {
        const int64_t left = ow * d.stride - d.pad;
        const int64_t kw_begin = std::max<int64_t>(0, -left), kw_end = std::min(d.kernel, d.W - left);
        const int64_t out = (row * OW + ow) * d.C;
        for_each_block<float, 1>(d.C, [&](auto df, auto, int64_t c) HWY_ATTR {
            const hn::RebindToSigned<decltype(df)> di;
            const hn::Rebind<uint8_t, decltype(df)> du8;
            // The first element within the image, then what is greater, or NaN.
            auto best = hn::LoadU(df, sample + ((top + kh_begin) * d.W + left + kw_begin) * d.C + c);
            auto where = hn::Set(di, static_cast<int32_t>(kh_begin * d.kernel + kw_begin));
            for (int64_t kh = kh_begin; kh < kh_end; ++kh) {
                const float* pixel = sample + ((top + kh) * d.W + left) * d.C + c;
                for (int64_t kw = kw_begin; kw < kw_end; ++kw) {
                    const auto v = hn::LoadU(df, pixel + kw * d.C);
                    const auto better = hn::Or(hn::Gt(v, best), hn::IsNaN(v));
                    best = hn::IfThenElse(better, v, best);
                    where = hn::IfThenElse(hn::RebindMask(di, better),
                                           hn::Set(di, static_cast<int32_t>(kh * d.kernel + kw)), where);
                }
            }
            hn::StoreU(best, df, y + out + c);
            hn::StoreU(hn::DemoteTo(du8, where), du8, argmax + out + c);
        });
    }
}

/// Row `row` of the input, counted over all samples: collects what the windows over a pixel send it, so that no piece
/// of work writes where another does.
void max_pool_backward_row(const PoolDims& d, const float* dy, const uint8_t* argmax, float* dx, int64_t row) {
    const int64_t OH = d.OH(), OW = d.OW(), n = row / d.H, h = row % d.H + d.pad;
    const int64_t oh_begin = h < d.kernel ? 0 : (h - d.kernel) / d.stride + 1, oh_end = std::min(OH, h / d.stride + 1);
    for (int64_t column = 0; column < d.W; ++column) {
        const int64_t w = column + d.pad;
        const int64_t ow_begin = w < d.kernel ? 0 : (w - d.kernel) / d.stride + 1,
                      ow_end = std::min(OW, w / d.stride + 1);
        for_each_block<float, 1>(d.C, [&](auto df, auto, int64_t c) HWY_ATTR {
            const hn::RebindToSigned<decltype(df)> di;
            const hn::Rebind<uint8_t, decltype(df)> du8;
            auto sum = hn::Zero(df);
            for (int64_t oh = oh_begin; oh < oh_end; ++oh) {
                for (int64_t ow = ow_begin; ow < ow_end; ++ow) {
                    const int64_t out = ((n * OH + oh) * OW + ow) * d.C + c;
                    const int64_t k = (h - oh * d.stride) * d.kernel + (w - ow * d.stride);
                    const auto where = hn::PromoteTo(di, hn::LoadU(du8, argmax + out));
                    const auto mine = hn::Eq(where, hn::Set(di, static_cast<int32_t>(k)));
                    sum = hn::Add(sum, hn::IfThenElseZero(hn::RebindMask(df, mine), hn::LoadU(df, dy + out)));
                }
            }
            hn::StoreU(sum, df, dx + (row * d.W + column) * d.C + c);
        });
    }
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(max_pool_row);
HWY_EXPORT(max_pool_backward_row);

void CpuBackend::max_pool_forward(const PoolDims& d, const float* x, float* y, uint8_t* argmax) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(max_pool_row);
    parallel_for(d.N * d.OH(), row_grain(d.stride * d.W * d.C), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) kernel(d, x, y, argmax, row);
    });
}

void CpuBackend::max_pool_backward(const PoolDims& d, const float* dy, const uint8_t* argmax, float* dx) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(max_pool_backward_row);
    parallel_for(d.N * d.H, row_grain(d.W * d.C), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) kernel(d, dy, argmax, dx, row);
    });
}

}  // namespace moco::cpu
#endif
