// Reductions over the threads of a warp or a block: always in the same order, so the same bits at every run.
//
//     SHARED_ARRAY(float, partial, [kMaxWarps]);
//     const float total = block_reduce(value, partial, Sum());   // in every thread
//
// A combination must be commutative: what is at hand are Sum and Max, of numbers and of Pairs.
#pragma once

#include "cuda/kernel.h"

namespace moco::cuda {

inline constexpr int kMaxWarps = 32;  // of a block

/// Two values that travel together: two sums, or a value and where it was found.
template <typename A, typename B = A>
struct Pair {
    A first;
    B second;
};

/// a + b; of pairs, part by part.
struct Sum {
    template <typename T>
    DEVICE T operator()(const T& a, const T& b) const {
        return a + b;
    }
    template <typename A, typename B>
    DEVICE Pair<A, B> operator()(const Pair<A, B>& a, const Pair<A, B>& b) const {
        return {a.first + b.first, a.second + b.second};
    }
};

/// The larger one; a NaN counts as larger than any number. Of pairs, part by part.
struct Max {
    template <typename T>
    DEVICE T operator()(const T& a, const T& b) const {
        return a > b || a != a ? a : b;
    }
    template <typename A, typename B>
    DEVICE Pair<A, B> operator()(const Pair<A, B>& a, const Pair<A, B>& b) const {
        return {(*this)(a.first, b.first), (*this)(a.second, b.second)};
    }
};

/// The place of this thread in its block of blockDim.x x blockDim.y threads. Warps are 32 neighbours.
DEVICE int thread_in_block() {
    return static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
}

DEVICE int lane_in_warp() {
    return thread_in_block() % kWarpSize;
}

DEVICE int warp_in_block() {
    return thread_in_block() / kWarpSize;
}

/// The value of the lane whose number differs from this lane's in the bits of `mask`. By whole warps.
template <typename T>
DEVICE T shuffle_xor(const T& value, int mask) {
    return __shfl_xor_sync(kFullMask, value, mask);
}

template <typename A, typename B>
DEVICE Pair<A, B> shuffle_xor(const Pair<A, B>& value, int mask) {
    return {shuffle_xor(value.first, mask), shuffle_xor(value.second, mask)};
}

/// Combines the values of each kLanes neighbouring lanes (a power of 2), in every one of them. By whole warps.
template <int kLanes = kWarpSize, typename T, typename Combine>
DEVICE T warp_reduce(T value, const Combine& combine) {
    for (int mask = kLanes / 2; mask > 0; mask /= 2) value = combine(value, shuffle_xor(value, mask));
    return value;
}

/// Combines the values of all threads of the block (whole warps), in every one of them. Holds a barrier: all threads
/// must call. partial: shared memory for a T a warp, which may be written again only after another barrier.
template <typename T, typename Combine>
DEVICE T block_reduce(T value, T* partial, const Combine& combine) {
    const int warps = static_cast<int>(blockDim.x * blockDim.y) / kWarpSize;
    value = warp_reduce(value, combine);
    if (lane_in_warp() == 0) partial[warp_in_block()] = value;
    __syncthreads();
    value = partial[0];  // a few reads that all threads share: no slower than another shuffle
    for (int w = 1; w < warps; ++w) value = combine(value, partial[w]);
    return value;
}

/// In a block of 32 x kRows threads: combines the values of the threads with the same threadIdx.x, in the order of
/// threadIdx.y. The result is in those with threadIdx.y == 0, the others get their own value back. Holds a barrier: all
/// threads must call. partial: shared memory, which may be written again only after another barrier.
template <int kRows, typename T, typename Combine>
DEVICE T column_reduce(T value, T (&partial)[kRows][kWarpSize], const Combine& combine) {
    if (threadIdx.y > 0) partial[threadIdx.y][threadIdx.x] = value;
    __syncthreads();
    if (threadIdx.y == 0) {
        for (int r = 1; r < kRows; ++r) value = combine(value, partial[r][threadIdx.x]);
    }
    return value;
}

}  // namespace moco::cuda
