// Sums and multiples of whole tensors.
#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/add.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

template <class E>
void add_elements(const E* a, const E* b, E* y, int64_t begin, int64_t end) {
    for_each_vector(begin, end, [=](auto d, int64_t i) HWY_ATTR {
        store_elements(d, hn::Add(load_elements(d, a + i), load_elements(d, b + i)), y + i);
    });
}

void add(DType dtype, const void* a, const void* b, void* y, int64_t begin, int64_t end) {
    with_element_type(dtype, [=](auto type) {
        using E = decltype(type);
        add_elements(static_cast<const E*>(a), static_cast<const E*>(b), static_cast<E*>(y), begin, end);
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

void CpuBackend::add_forward(DType dtype, const void* a, const void* b, void* y, int64_t count) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(add);
    parallel_for(count, element_grain(count), [=](int64_t begin, int64_t end) { kernel(dtype, a, b, y, begin, end); });
}

void CpuBackend::accumulate(DType dtype, const void* x, void* sum, int64_t count) {
    add_forward(dtype, sum, x, sum, count);
}

void CpuBackend::scale(const float* x, float factor, float* y, int64_t count) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(scale);
    parallel_for(count, element_grain(count), [=](int64_t begin, int64_t end) { kernel(x, factor, y, begin, end); });
}

}  // namespace moco::cpu
#endif
