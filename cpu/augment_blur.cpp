// Gaussian blur, separable: a row of vertical sums goes into a buffer with mirrored ends, from which the horizontal
// sums are taken.
#include "cpu/augment_pixels.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/augment_blur.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

int64_t mirrored(int64_t i, int64_t size) {
    return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
}

void blur_plane(const float* plane, int64_t size, const float* weight, int64_t radius, float* row, float* blurred) {
    for (int64_t y = 0; y < size; ++y) {
        float* sums = row + radius;
        for_each_vector(0, size, [=](auto d, int64_t x) HWY_ATTR {
            auto sum = hn::Mul(hn::Set(d, weight[0]), hn::LoadU(d, plane + y * size + x));
            for (int64_t t = 1; t <= radius; ++t) {
                const auto above = hn::LoadU(d, plane + mirrored(y - t, size) * size + x);
                const auto below = hn::LoadU(d, plane + mirrored(y + t, size) * size + x);
                sum = hn::MulAdd(hn::Set(d, weight[t]), hn::Add(above, below), sum);
            }
            hn::StoreU(sum, d, sums + x);
        });
        for (int64_t t = 1; t <= radius; ++t) {
            sums[-t] = sums[t];
            sums[size - 1 + t] = sums[size - 1 - t];
        }
        for_each_vector(0, size, [=](auto d, int64_t x) HWY_ATTR {
            auto sum = hn::Mul(hn::Set(d, weight[0]), hn::LoadU(d, sums + x));
            for (int64_t t = 1; t <= radius; ++t) {
                const auto sides = hn::Add(hn::LoadU(d, sums + x - t), hn::LoadU(d, sums + x + t));
                sum = hn::MulAdd(hn::Set(d, weight[t]), sides, sum);
            }
            hn::StoreU(sum, d, blurred + y * size + x);
        });
    }
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(blur_plane);

void gaussian_blur(const float* view, int64_t size, int64_t C, const std::vector<float>& window,
                   std::vector<float>& scratch, float* blurred) {
    const auto radius = static_cast<int64_t>(window.size()) - 1;
    const auto needed = static_cast<size_t>(size + 2 * radius);
    if (scratch.size() < needed) scratch.resize(needed);
    for (int64_t c = 0; c < C; ++c) {
        HWY_DYNAMIC_DISPATCH(blur_plane)
        (view + c * size * size, size, window.data(), radius, scratch.data(), blurred + c * size * size);
    }
}

}  // namespace moco::cpu
#endif
