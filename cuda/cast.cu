// Between the types of activations.
#include <algorithm>
#include <type_traits>

#include "cuda/elementwise.cuh"
#include "cuda/kernel_backend.h"

namespace moco::cuda {
namespace {

/// As wide as 16 bytes of the larger type.
template <typename From, typename To>
inline constexpr int kCastWidth = std::min(kFullPack<From>, kFullPack<To>);

template <typename From, typename To>
KERNEL(kThreads)
convert(const From* source, To* target, int64_t count) {
    constexpr int kWidth = kCastWidth<From, To>;
    for_each_pack<kWidth>(count, aligned<kWidth>(source, target),
                          [=](auto width, int64_t i) { store_floats(target + i, load_floats(width, source + i)); });
}

}  // namespace

void KernelBackend::cast(DType from, const void* source, DType to, void* target, int64_t count) {
    with_element_type(from, [&](auto from_type) {
        with_element_type(to, [&](auto to_type) {
            using From = decltype(from_type);
            using To = decltype(to_type);
            if constexpr (std::is_same_v<From, To>) {
                copy(target, source, static_cast<size_t>(count) * sizeof(To));
            } else {
                const unsigned blocks = blocks_for(count, kThreads * kCastWidth<From, To>);
                LAUNCH((convert<From, To>), blocks, kThreads, 0, stream(), static_cast<const From*>(source),
                       static_cast<To*>(target), count);
            }
        });
    });
}

}  // namespace moco::cuda
