// Rows of unit length.
#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/l2_normalize.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/dot-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

void l2_normalize_row(const float* x, float* y, float* norm, int64_t columns) {
    *norm = std::max(std::sqrt(dot(x, x, columns)), 1e-12f);
    const float length = *norm;
    for_each_vector(0, columns, [=](auto d, int64_t c) HWY_ATTR {
        hn::StoreU(hn::Div(hn::LoadU(d, x + c), hn::Set(d, length)), d, y + c);
    });
}

/// dx = (dy - y * (y . dy)) / norm
void l2_normalize_backward_row(const float* y, float norm, const float* dy, float* dx, int64_t columns) {
    const float along = dot(y, dy, columns);
    for_each_vector(0, columns, [=](auto d, int64_t c) HWY_ATTR {
        const auto across = hn::NegMulAdd(hn::LoadU(d, y + c), hn::Set(d, along), hn::LoadU(d, dy + c));
        hn::StoreU(hn::Div(across, hn::Set(d, norm)), d, dx + c);
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(l2_normalize_row);
HWY_EXPORT(l2_normalize_backward_row);

void CpuBackend::l2_normalize_forward(const float* x, float* y, float* norm, int64_t rows, int64_t columns) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(l2_normalize_row);
    parallel_for(rows, row_grain(rows, columns), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) kernel(x + r * columns, y + r * columns, norm + r, columns);
    });
}

void CpuBackend::l2_normalize_backward(const float* y, const float* norm, const float* dy, float* dx, int64_t rows,
                                       int64_t columns) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(l2_normalize_backward_row);
    parallel_for(rows, row_grain(rows, columns), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
            kernel(y + r * columns, norm[r], dy + r * columns, dx + r * columns, columns);
        }
    });
}

}  // namespace moco::cpu
#endif
