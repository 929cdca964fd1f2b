// Kernels that treat every element alike: how they go over memory, 16 bytes at a time where they can, and compute.
//
//     KERNEL(kThreads) doubled(const E* x, E* y, int64_t count) {
//         for_each_pack<kFullPack<E>>(count, aligned<kFullPack<E>>(x, y), [=](auto width, int64_t i) {
//             store_floats(y + i, map([](float v) { return 2 * v; }, load_floats(width, x + i)));
//         });
//     }
//     LAUNCH(doubled<E>, blocks_for_packs<E>(count), kThreads, 0, stream(), x, y, count);
#pragma once

#include <type_traits>

#include "cuda/pack.cuh"

namespace moco::cuda {

/// Threads of a block, where nothing speaks for another number: as many as leave every GPU free to fill itself.
inline constexpr int kThreads = 256;

template <int kWidth>
using Width = std::integral_constant<int, kWidth>;

/// The elements of a pack as f32, which is what kernels compute with.
template <int kWidth, typename E>
DEVICE Pack<float, kWidth> load_floats(Width<kWidth>, const E* p) {
    const Pack<E, kWidth> pack = load_pack<kWidth>(p);
    Pack<float, kWidth> values;
    for (int j = 0; j < kWidth; ++j) values.element[j] = to_float(pack.element[j]);
    return values;
}

template <typename E, int kWidth>
DEVICE void store_floats(E* p, const Pack<float, kWidth>& values) {
    Pack<E, kWidth> pack;
    for (int j = 0; j < kWidth; ++j) pack.element[j] = from_float<E>(values.element[j]);
    store_pack(p, pack);
}

/// f of corresponding elements.
template <typename F, int kWidth, typename... More>
DEVICE Pack<float, kWidth> map(const F& f, const Pack<float, kWidth>& a, const More&... more) {
    Pack<float, kWidth> values;
    for (int j = 0; j < kWidth; ++j) values.element[j] = f(a.element[j], more.element[j]...);
    return values;
}

/// Whether packs of kWidth elements can be loaded from, and stored to, each of these pointers.
template <int kWidth, typename... E>
DEVICE bool aligned(const E*... pointers) {
    return ((reinterpret_cast<uintptr_t>(pointers) % (sizeof(E) * kWidth) == 0) && ...);
}

/// Of a grid of one dimension: calls f(width, i) for packs that cover elements [0, count), of width kWidth if `packed`,
/// then of width 1 for the rest. `width` is a Width, `i` the pack's first element. Strides where the grid is small.
template <int kWidth, typename F>
DEVICE void for_each_pack(int64_t count, bool packed, const F& f) {
    const int64_t thread = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    const int64_t threads = int64_t{gridDim.x} * blockDim.x;
    const int64_t packs = packed ? count / kWidth : 0;
    for (int64_t p = thread; p < packs; p += threads) f(Width<kWidth>(), p * kWidth);
    for (int64_t i = packs * kWidth + thread; i < count; i += threads) f(Width<1>(), i);
}

/// The grid for it, if every pack is a full one of E. Host.
template <typename E>
unsigned blocks_for_packs(int64_t count) {
    return blocks_for(count, kThreads * kFullPack<E>);
}

}  // namespace moco::cuda
