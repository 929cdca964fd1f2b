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

#ifndef MOCO_CPU_MAX_POOL_ONCE
#define MOCO_CPU_MAX_POOL_ONCE
namespace moco::cpu {

/// A window over some pixel: where its result lies, and the pixel's index within the window.
struct Window {
    int64_t offset;
    int32_t k;
};
constexpr int kMaxWindows = 256;  // over one pixel, at stride 1: the index is a byte, so windows are at most 16 x 16

}  // namespace moco::cpu
#endif

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
        for_each_block<float, 2>(d.C, [&](auto df, auto unroll, int64_t c) HWY_ATTR {
            constexpr int kUnroll = decltype(unroll)::value;
            const hn::RebindToSigned<decltype(df)> di;
            const hn::Rebind<uint8_t, decltype(df)> du8;
            const int64_t lanes = static_cast<int64_t>(hn::Lanes(df));
            hn::Vec<decltype(df)> best[kUnroll];
            hn::Vec<decltype(di)> where[kUnroll];
            // The first element within the image, then what is greater, or NaN.
            const float* first = sample + ((top + kh_begin) * d.W + left + kw_begin) * d.C + c;
#pragma GCC unroll 2
            for (int u = 0; u < kUnroll; ++u) {
                best[u] = hn::LoadU(df, first + u * lanes);
                where[u] = hn::Set(di, static_cast<int32_t>(kh_begin * d.kernel + kw_begin));
            }
            for (int64_t kh = kh_begin; kh < kh_end; ++kh) {
                const float* pixel = sample + ((top + kh) * d.W + left + kw_begin) * d.C + c;
                for (int64_t kw = kw_begin; kw < kw_end; ++kw, pixel += d.C) {
                    const auto index = hn::Set(di, static_cast<int32_t>(kh * d.kernel + kw));
#pragma GCC unroll 2
                    for (int u = 0; u < kUnroll; ++u) {
                        const auto v = hn::LoadU(df, pixel + u * lanes);
                        const auto better = hn::Or(hn::Gt(v, best[u]), hn::IsNaN(v));
                        best[u] = hn::IfThenElse(better, v, best[u]);
                        where[u] = hn::IfThenElse(hn::RebindMask(di, better), index, where[u]);
                    }
                }
            }
#pragma GCC unroll 2
            for (int u = 0; u < kUnroll; ++u) {
                hn::StoreU(best[u], df, y + out + c + u * lanes);
                hn::StoreU(hn::DemoteTo(du8, where[u]), du8, argmax + out + c + u * lanes);
            }
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
        const int64_t ow_begin = w < d.kernel ? 0 : (w - d.kernel) / d.stride + 1;
        const int64_t ow_end = std::min(OW, w / d.stride + 1);
        Window windows[kMaxWindows];
        int count = 0;
        for (int64_t oh = oh_begin; oh < oh_end; ++oh) {
            for (int64_t ow = ow_begin; ow < ow_end; ++ow) {
                const int64_t k = (h - oh * d.stride) * d.kernel + (w - ow * d.stride);
                windows[count++] = {((n * OH + oh) * OW + ow) * d.C, static_cast<int32_t>(k)};
            }
        }
        float* pixel = dx + (row * d.W + column) * d.C;
        for_each_block<float, 1>(d.C, [&](auto df, auto, int64_t c) HWY_ATTR {
            const hn::RebindToSigned<decltype(df)> di;
            const hn::Rebind<uint8_t, decltype(df)> du8;
            auto sum = hn::Zero(df);
            for (int i = 0; i < count; ++i) {
                const auto where = hn::PromoteTo(di, hn::LoadU(du8, argmax + windows[i].offset + c));
                const auto mine = hn::RebindMask(df, hn::Eq(where, hn::Set(di, windows[i].k)));
                sum = hn::Add(sum, hn::IfThenElseZero(mine, hn::LoadU(df, dy + windows[i].offset + c)));
            }
            hn::StoreU(sum, df, pixel + c);
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
