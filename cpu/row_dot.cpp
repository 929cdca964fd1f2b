// Dot products of corresponding rows.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/row_dot.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/dot-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

float dot_of_rows(const float* a, const float* b, int64_t columns) {
    return dot(a, b, columns);
}

void scaled_row(float factor, const float* x, float* y, int64_t columns) {
    for_each_vector(0, columns, [=](auto d, int64_t c) HWY_ATTR {
        hn::StoreU(hn::Mul(hn::Set(d, factor), hn::LoadU(d, x + c)), d, y + c);
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(dot_of_rows);
HWY_EXPORT(scaled_row);

void CpuBackend::row_dot_forward(const float* a, const float* b, float* result, int64_t rows, int64_t columns) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(dot_of_rows);
    parallel_for(rows, row_grain(rows, columns), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) result[r] = kernel(a + r * columns, b + r * columns, columns);
    });
}

void CpuBackend::row_dot_backward(const float* a, const float* b, const float* ddot, float* da, float* db, int64_t rows,
                                  int64_t columns) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(scaled_row);
    parallel_for(rows, row_grain(rows, columns), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
            if (da != nullptr) kernel(ddot[r], b + r * columns, da + r * columns, columns);
            if (db != nullptr) kernel(ddot[r], a + r * columns, db + r * columns, columns);
        }
    });
}

}  // namespace moco::cpu
#endif
