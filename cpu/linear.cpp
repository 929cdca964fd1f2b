// What a linear layer needs beside the product: the bias, and the bias's gradient.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/linear.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

void add_bias(const float* x, const float* bias, float* y, int64_t columns) {
    for_each_vector(0, columns, [=](auto d, int64_t c) HWY_ATTR {
        hn::StoreU(hn::Add(hn::LoadU(d, x + c), hn::LoadU(d, bias + c)), d, y + c);
    });
}

/// Columns [begin, end) of the sum over all rows, in double.
void sum_rows(const float* x, float* sum, int64_t rows, int64_t columns, int64_t begin, int64_t end) {
    for_each_block<double, kDoubleUnroll>(end - begin, [=](auto d, auto unroll, int64_t c) HWY_ATTR {
        constexpr int kUnroll = decltype(unroll)::value;
        const hn::Rebind<float, decltype(d)> df;
        const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
        hn::Vec<decltype(d)> total[kUnroll];
#pragma GCC unroll 8
        for (int u = 0; u < kUnroll; ++u) total[u] = hn::Zero(d);
        const float* row = x + begin + c;
        for (int64_t r = 0; r < rows; ++r, row += columns) {
#pragma GCC unroll 8
            for (int u = 0; u < kUnroll; ++u) {
                total[u] = hn::Add(total[u], hn::PromoteTo(d, hn::LoadU(df, row + u * lanes)));
            }
        }
#pragma GCC unroll 8
        for (int u = 0; u < kUnroll; ++u) {
            hn::StoreU(hn::DemoteTo(df, total[u]), df, sum + begin + c + u * lanes);
        }
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(add_bias);
HWY_EXPORT(sum_rows);

void CpuBackend::add_bias(const float* x, const float* bias, float* y, int64_t rows, int64_t columns) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(add_bias);
    parallel_for(rows, row_grain(rows, columns), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) kernel(x + r * columns, bias, y + r * columns, columns);
    });
}

void CpuBackend::sum_rows(const float* x, float* sum, int64_t rows, int64_t columns) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(sum_rows);
    const int64_t grain = std::max<int64_t>(64, row_grain(columns, rows) / 64 * 64);  // columns: no partial sums needed
    parallel_for(columns, grain, [=](int64_t begin, int64_t end) { kernel(x, sum, rows, columns, begin, end); });
}

}  // namespace moco::cpu
#endif
