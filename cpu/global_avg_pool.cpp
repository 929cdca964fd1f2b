// Mean over the pixels of each sample and channel.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/global_avg_pool.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

// Four sums take turns over the pixels: shorter chains of additions, and a smaller error for large images.
template <class E>
void average_pixels(const E* x, float* y, int64_t HW, int64_t C) {
    const float share = 1.0f / static_cast<float>(HW);
    for_each_block<float, 1>(C, [=](auto d, auto, int64_t c) HWY_ATTR {
        auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
        const E* row = x + c;
        int64_t p = 0;
        for (; p + 4 <= HW; p += 4, row += 4 * C) {
            s0 = hn::Add(s0, load_elements(d, row));
            s1 = hn::Add(s1, load_elements(d, row + C));
            s2 = hn::Add(s2, load_elements(d, row + 2 * C));
            s3 = hn::Add(s3, load_elements(d, row + 3 * C));
        }
        for (; p < HW; ++p, row += C) s0 = hn::Add(s0, load_elements(d, row));
        hn::StoreU(hn::Mul(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), hn::Set(d, share)), d, y + c);
    });
}

template <class E>
void spread_to_pixels(const float* dy, E* dx, int64_t HW, int64_t C) {
    const float share = 1.0f / static_cast<float>(HW);
    for_each_block<float, 1>(C, [=](auto d, auto, int64_t c) HWY_ATTR {
        const auto v = hn::Mul(hn::LoadU(d, dy + c), hn::Set(d, share));
        for (int64_t p = 0; p < HW; ++p) store_elements(d, v, dx + p * C + c);
    });
}

void average_sample(DType dtype, const void* x, float* y, int64_t HW, int64_t C) {
    with_element_type(dtype, [=](auto type) { average_pixels(static_cast<const decltype(type)*>(x), y, HW, C); });
}

void spread_sample(DType dtype, const float* dy, void* dx, int64_t HW, int64_t C) {
    with_element_type(dtype, [=](auto type) { spread_to_pixels(dy, static_cast<decltype(type)*>(dx), HW, C); });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(average_sample);
HWY_EXPORT(spread_sample);

void CpuBackend::global_avg_pool_forward(DType dtype, const void* x, float* y, int64_t N, int64_t HW, int64_t C) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(average_sample);
    parallel_for(N, row_grain(N, HW * C), [=](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) kernel(dtype, element(dtype, x, n * HW * C), y + n * C, HW, C);
    });
}

void CpuBackend::global_avg_pool_backward(DType dtype, const float* dy, void* dx, int64_t N, int64_t HW, int64_t C) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(spread_sample);
    parallel_for(N, row_grain(N, HW * C), [=](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) kernel(dtype, dy + n * C, element(dtype, dx, n * HW * C), HW, C);
    });
}

}  // namespace moco::cpu
#endif
