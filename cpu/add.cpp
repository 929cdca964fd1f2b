// Sums and multiples of whole tensors.
#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/add.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

void add(const float* a, const float* b, float* y, int64_t begin, int64_t end) {
    for_each_vector(begin, end, [=](auto d, int64_t i) HWY_ATTR {
        hn::StoreU(hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
    });
}

void scale(const float* x, float factor, float* y, int64_t begin, int64_t end) {
    for_each_vector(begin, end, [=](auto d, int64_t i) HWY_ATTR {
        hn::StoreU(hn::Mul(hn::Set(d, factor), hn::LoadU(d, x + i)), d, y + i);
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(add);
HWY_EXPORT(scale);

void CpuBackend::add_forward(const float* a, const float* b, float* y, int64_t count) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(add);
    parallel_for(count, kElementGrain, [=](int64_t begin, int64_t end) { kernel(a, b, y, begin, end); });
}

void CpuBackend::accumulate(const float* x, float* sum, int64_t count) {
    add_forward(sum, x, sum, count);
}

void CpuBackend::scale(const float* x, float factor, float* y, int64_t count) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(scale);
    parallel_for(count, kElementGrain, [=](int64_t begin, int64_t end) { kernel(x, factor, y, begin, end); });
}

}  // namespace moco::cpu
#endif
