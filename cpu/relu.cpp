// ReLU.
#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/relu.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

// Not max(x, 0): that would turn a NaN into 0 and hide it from whoever watches the loss.
void relu_forward(const float* x, float* y, int64_t begin, int64_t end) {
    for_each_vector(begin, end, [=](auto d, int64_t i) HWY_ATTR {
        const auto v = hn::LoadU(d, x + i);
        hn::StoreU(hn::IfThenZeroElse(hn::Lt(v, hn::Zero(d)), v), d, y + i);
    });
}

void relu_backward(const float* y, const float* dy, float* dx, int64_t begin, int64_t end) {
    for_each_vector(begin, end, [=](auto d, int64_t i) HWY_ATTR {
        const auto active = hn::Gt(hn::LoadU(d, y + i), hn::Zero(d));
        hn::StoreU(hn::IfThenElseZero(active, hn::LoadU(d, dy + i)), d, dx + i);
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(relu_forward);
HWY_EXPORT(relu_backward);

void CpuBackend::relu_forward(const float* x, float* y, int64_t count) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(relu_forward);
    parallel_for(count, kElementGrain, [=](int64_t begin, int64_t end) { kernel(x, y, begin, end); });
}

void CpuBackend::relu_backward(const float* y, const float* dy, float* dx, int64_t count) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(relu_backward);
    parallel_for(count, kElementGrain, [=](int64_t begin, int64_t end) { kernel(y, dy, dx, begin, end); });
}

}  // namespace moco::cpu
#endif
