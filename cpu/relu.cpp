// ReLU.
#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/relu.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

// Not max(x, 0): that would turn a NaN into 0 and hide it from whoever watches the loss.
template <class E>
void cut_off(const E* x, E* y, int64_t begin, int64_t end) {
    for_each_vector(begin, end, [=](auto d, int64_t i) HWY_ATTR {
        const auto v = load_elements(d, x + i);
        store_elements(d, hn::IfThenZeroElse(hn::Lt(v, hn::Zero(d)), v), y + i);
    });
}

template <class E>
void pass_where_active(const E* y, const E* dy, E* dx, int64_t begin, int64_t end) {
    for_each_vector(begin, end, [=](auto d, int64_t i) HWY_ATTR {
        const auto active = hn::Gt(load_elements(d, y + i), hn::Zero(d));
        store_elements(d, hn::IfThenElseZero(active, load_elements(d, dy + i)), dx + i);
    });
}

void relu_forward(DType dtype, const void* x, void* y, int64_t begin, int64_t end) {
    with_element_type(dtype, [=](auto type) {
        using E = decltype(type);
        cut_off(static_cast<const E*>(x), static_cast<E*>(y), begin, end);
    });
}

void relu_backward(DType dtype, const void* y, const void* dy, void* dx, int64_t begin, int64_t end) {
    with_element_type(dtype, [=](auto type) {
        using E = decltype(type);
        pass_where_active(static_cast<const E*>(y), static_cast<const E*>(dy), static_cast<E*>(dx), begin, end);
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(relu_forward);
HWY_EXPORT(relu_backward);

void CpuBackend::relu_forward(DType dtype, const void* x, void* y, int64_t count) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(relu_forward);
    parallel_for(count, element_grain(count), [=](int64_t begin, int64_t end) { kernel(dtype, x, y, begin, end); });
}

void CpuBackend::relu_backward(DType dtype, const void* y, const void* dy, void* dx, int64_t count) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(relu_backward);
    parallel_for(count, element_grain(count),
                 [=](int64_t begin, int64_t end) { kernel(dtype, y, dy, dx, begin, end); });
}

}  // namespace moco::cpu
#endif
