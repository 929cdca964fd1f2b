// Between the types of activations.
#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/cast.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

template <class From, class To>
void cast_elements(const From* source, To* target, int64_t begin, int64_t end) {
    for_each_vector(begin, end,
                    [=](auto d, int64_t i) HWY_ATTR { store_elements(d, load_elements(d, source + i), target + i); });
}

void cast(DType from, const void* source, DType to, void* target, int64_t begin, int64_t end) {
    with_element_type(from, [=](auto from_type) {
        with_element_type(to, [=](auto to_type) {
            cast_elements(static_cast<const decltype(from_type)*>(source), static_cast<decltype(to_type)*>(target),
                          begin, end);
        });
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(cast);

void CpuBackend::cast(DType from, const void* source, DType to, void* target, int64_t count) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(cast);
    parallel_for(count, element_grain(count),
                 [=](int64_t begin, int64_t end) { kernel(from, source, to, target, begin, end); });
}

}  // namespace moco::cpu
#endif
