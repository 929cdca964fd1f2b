// Max pooling over N,H,W,C, vectorised over the channels.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/max_pool.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/elements-inl.h"

#ifndef MOCO_CPU_MAX_POOL_ONCE
#define MOCO_CPU_MAX_POOL_ONCE
namespace moco::cpu {

/// One pixel of a window, or one window over a pixel: where it lies, and the index within the window.
struct Tap {
    int64_t offset;
    int32_t index;
};
constexpr int kMaxTaps = 256;  // the index is a byte: windows are at most 16 x 16

}  // namespace moco::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// For each channel the largest of the taps, the first of equal ones, and its index. A NaN counts as larger.
template <class E>
HWY_NOINLINE void largest_of_taps(const E* x, const Tap* taps, int count, int64_t C, E* y, uint8_t* argmax) {
    for_each_block<float, kFloatUnroll>(C, [=](auto df, auto unroll, int64_t c) HWY_ATTR {
        constexpr int kUnroll = decltype(unroll)::value;
        const hn::RebindToSigned<decltype(df)> di;
        const hn::Rebind<uint8_t, decltype(df)> du8;
        const int64_t lanes = static_cast<int64_t>(hn::Lanes(df));
        hn::Vec<decltype(df)> best[kUnroll];
        hn::Vec<decltype(di)> where[kUnroll];
#pragma GCC unroll 4
        for (int u = 0; u < kUnroll; ++u) {
            best[u] = load_elements(df, x + taps[0].offset + c + u * lanes);
            where[u] = hn::Set(di, taps[0].index);
        }
        for (int i = 1; i < count; ++i) {
            const E* pixel = x + taps[i].offset + c;
            const auto index = hn::Set(di, taps[i].index);
#pragma GCC unroll 4
            for (int u = 0; u < kUnroll; ++u) {
                const auto v = load_elements(df, pixel + u * lanes);
                const auto better = hn::Or(hn::Gt(v, best[u]), hn::IsNaN(v));
                best[u] = hn::IfThenElse(better, v, best[u]);
                where[u] = hn::IfThenElse(hn::RebindMask(di, better), index, where[u]);
            }
        }
#pragma GCC unroll 4
        for (int u = 0; u < kUnroll; ++u) {
            store_elements(df, best[u], y + c + u * lanes);
            hn::StoreU(hn::DemoteTo(du8, where[u]), du8, argmax + c + u * lanes);
        }
    });
}

/// For each channel the sum of dy over the windows whose maximum was this pixel.
template <class E>
HWY_NOINLINE void sum_of_windows(const E* dy, const uint8_t* argmax, const Tap* windows, int count, int64_t C, E* dx) {
    for_each_block<float, 1>(C, [=](auto df, auto, int64_t c) HWY_ATTR {
        const hn::RebindToSigned<decltype(df)> di;
        const hn::Rebind<uint8_t, decltype(df)> du8;
        auto sum = hn::Zero(df);
        for (int i = 0; i < count; ++i) {
            const int64_t at = windows[i].offset + c;
            const auto where = hn::PromoteTo(di, hn::LoadU(du8, argmax + at));
            const auto mine = hn::RebindMask(df, hn::Eq(where, hn::Set(di, windows[i].index)));
            sum = hn::Add(sum, hn::IfThenElseZero(mine, load_elements(df, dy + at)));
        }
        store_elements(df, sum, dx + c);
    });
}

/// Row `row` of the output, counted over all samples.
template <class E>
void pool_row(const PoolDims& d, const E* x, E* y, uint8_t* argmax, int64_t row) {
    const int64_t OH = d.OH(), OW = d.OW();
    const int64_t top = row % OH * d.stride - d.pad;
    const E* sample = x + row / OH * d.H * d.W * d.C;
    const int64_t kh_begin = std::max<int64_t>(0, -top), kh_end = std::min(d.kernel, d.H - top);
    for (int64_t ow = 0; ow < OW; ++ow) {
        const int64_t left = ow * d.stride - d.pad;
        const int64_t kw_begin = std::max<int64_t>(0, -left), kw_end = std::min(d.kernel, d.W - left);
        Tap taps[kMaxTaps];
        int count = 0;
        for (int64_t kh = kh_begin; kh < kh_end; ++kh) {
            for (int64_t kw = kw_begin; kw < kw_end; ++kw) {
                taps[count++] = {((top + kh) * d.W + left + kw) * d.C, static_cast<int32_t>(kh * d.kernel + kw)};
            }
        }
        largest_of_taps(sample, taps, count, d.C, y + (row * OW + ow) * d.C, argmax + (row * OW + ow) * d.C);
    }
}

/// Row `row` of the input, counted over all samples: collects what the windows over a pixel send it, so that no piece
/// of work writes where another does.
template <class E>
void pool_row_backward(const PoolDims& d, const E* dy, const uint8_t* argmax, E* dx, int64_t row) {
    const int64_t OH = d.OH(), OW = d.OW(), n = row / d.H, h = row % d.H + d.pad;
    const int64_t oh_begin = h < d.kernel ? 0 : (h - d.kernel) / d.stride + 1, oh_end = std::min(OH, h / d.stride + 1);
    for (int64_t column = 0; column < d.W; ++column) {
        const int64_t w = column + d.pad;
        const int64_t ow_begin = w < d.kernel ? 0 : (w - d.kernel) / d.stride + 1;
        const int64_t ow_end = std::min(OW, w / d.stride + 1);
        Tap windows[kMaxTaps];
        int count = 0;
        for (int64_t oh = oh_begin; oh < oh_end; ++oh) {
            for (int64_t ow = ow_begin; ow < ow_end; ++ow) {
                const int64_t index = (h - oh * d.stride) * d.kernel + (w - ow * d.stride);
                windows[count++] = {((n * OH + oh) * OW + ow) * d.C, static_cast<int32_t>(index)};
            }
        }
        sum_of_windows(dy, argmax, windows, count, d.C, dx + (row * d.W + column) * d.C);
    }
}

void max_pool_row(const PoolDims& d, const void* x, void* y, uint8_t* argmax, int64_t row) {
    with_element_type(d.dtype, [=](auto type) {
        using E = decltype(type);
        pool_row(d, static_cast<const E*>(x), static_cast<E*>(y), argmax, row);
    });
}

void max_pool_backward_row(const PoolDims& d, const void* dy, const uint8_t* argmax, void* dx, int64_t row) {
    with_element_type(d.dtype, [=](auto type) {
        using E = decltype(type);
        pool_row_backward(d, static_cast<const E*>(dy), argmax, static_cast<E*>(dx), row);
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(max_pool_row);
HWY_EXPORT(max_pool_backward_row);

void CpuBackend::max_pool_forward(const PoolDims& d, const void* x, void* y, uint8_t* argmax) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(max_pool_row);
    parallel_for(d.N * d.OH(), row_grain(d.N * d.OH(), d.stride * d.W * d.C), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) kernel(d, x, y, argmax, row);
    });
}

void CpuBackend::max_pool_backward(const PoolDims& d, const void* dy, const uint8_t* argmax, void* dx) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(max_pool_backward_row);
    parallel_for(d.N * d.H, row_grain(d.N * d.H, d.W * d.C), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) kernel(d, dy, argmax, dx, row);
    });
}

}  // namespace moco::cpu
#endif
