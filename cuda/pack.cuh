// Neighbouring elements that are loaded and stored at once, 16 bytes where the layout allows.
#pragma once

#include <initializer_list>

#include "cuda/elements.cuh"

namespace moco::cuda {

/// kWidth elements; its memory must be aligned to their size.
template <typename E, int kWidth>
struct alignas(sizeof(E) * kWidth) Pack {
    E element[kWidth];
};

/// Elements in 16 bytes: 4 of f32, 8 of bf16.
template <typename E>
inline constexpr int kFullPack = 16 / static_cast<int>(sizeof(E));

template <int kWidth, typename E>
DEVICE Pack<E, kWidth> load_pack(const E* p) {
    return *reinterpret_cast<const Pack<E, kWidth>*>(p);
}

template <typename E, int kWidth>
DEVICE void store_pack(E* p, const Pack<E, kWidth>& pack) {
    *reinterpret_cast<Pack<E, kWidth>*>(p) = pack;
}

/// Whether rows of `columns` elements that begin at each of `pointers` (null ones aside) can be taken in full packs.
/// Host.
template <typename E>
bool takes_packs(int64_t columns, std::initializer_list<const void*> pointers) {
    bool aligned = columns % kFullPack<E> == 0;
    for (const void* p : pointers) aligned = aligned && reinterpret_cast<uintptr_t>(p) % 16 == 0;
    return aligned;
}

}  // namespace moco::cuda
