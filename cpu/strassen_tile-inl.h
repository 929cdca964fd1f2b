// The micro-kernel of Strassen's product: a tile as in microkernel-inl.h that is added to one or two sums of products.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_STRASSEN_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_STRASSEN_TILE_INL_H
#undef MOCO_CPU_STRASSEN_TILE_INL_H
#else
#define MOCO_CPU_STRASSEN_TILE_INL_H
#endif

#include "cpu/microkernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

/// Rows that a product is added to: `offset` floats into each of `to`.
struct SumRows {
    const float* from;  // the sum before, rows of kPanel floats next to each other; null: none
    float* const* to;
    int64_t offset;
};

/// The product of `depth` floats of each row of A with a packed panel of B. It is added to `second`, unless this has no
/// rows, then to `first`: `first` becomes what it is from plus the product, or has both added.
struct ProductTile {
    const float* const* a;
    const float* b;
    int64_t depth;
    SumRows first;
    Store store;
    SumRows second;
};

template <int R>
HWY_INLINE void add_product(const FloatVector (&product)[R][2], const SumRows& sum, Store store) {
    const FloatTag d;
    const float* from = sum.from;
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
        float* to = sum.to[i] + sum.offset;
#pragma GCC unroll 2
        for (int v = 0; v < 2; ++v) {
            FloatVector value = product[i][v];
            if (from != nullptr) value = hn::Add(value, hn::LoadU(d, from + i * kPanel + v * kLanes));
            if (store == Store::add) value = hn::Add(value, hn::LoadU(d, to + v * kLanes));
            hn::StoreU(value, d, to + v * kLanes);
        }
    }
}

template <int R>
HWY_NOINLINE void product_tile(const ProductTile& t) {
    FloatVector product[R][2];
    clear_tile<R, 2>(product);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < 2; ++v) __builtin_prefetch(t.first.to[i] + t.first.offset + v * kLanes, 1, 3);
    const float* a[R];
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) a[i] = t.a[i];
    add_products<R, 2>([&](int i) HWY_ATTR { return a[i]; }, 0, t.depth, t.b, kPanel, product);
    if (t.second.to != nullptr) add_product<R>(product, t.second, Store::replace);
    add_product<R>(product, t.first, t.store);
}

namespace detail {

template <size_t... R>
constexpr auto product_kernels(std::index_sequence<R...>) {
    return std::array{product_tile<static_cast<int>(R) + 1>...};
}

}  // namespace detail

/// The tile of `rows` rows, 1..kMaxRows.
HWY_INLINE void multiply(int64_t rows, const ProductTile& tile) {
    static constexpr auto kernels = detail::product_kernels(detail::AllRows());
    kernels[static_cast<size_t>(rows - 1)](tile);
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggled include guard
