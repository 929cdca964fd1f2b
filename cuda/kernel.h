// The one header through which a kernel is written, for two compilers: nvcc makes code for a GPU of it, the host
// compiler code for the emulated device (cuda/emulated/), whose threads are fibers.
//
//     KERNEL(256) row_sum(const float* x, float* y, int rows, int cols) {
//         SHARED_ARRAY(float, partial, [32]);
//         ...
//         __syncthreads();
//         value += __shfl_xor_sync(kFullMask, value, offset);
//     }
//     LAUNCH(row_sum, grid, block, shared_bytes, stream, x, y, rows, cols);   // (f<A, B>) needs its own parentheses
//
// Rules: warp operations are the _sync forms, by whole warps; no return before a barrier; nothing of __CUDA_ARCH__,
// <<<>>> or
// __shared__ outside this header.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "cuda/check.h"

/// Before a loop of fixed length: lay it out, so that the arrays it indexes stay in registers; or some steps of it.
#define MOCO_PRAGMA(text) _Pragma(#text)
#if defined(__CUDACC__)
#define UNROLL MOCO_PRAGMA(unroll)
#define UNROLL_BY(steps) MOCO_PRAGMA(unroll steps)
#else
#define UNROLL MOCO_PRAGMA(GCC unroll 16)
#define UNROLL_BY(steps) MOCO_PRAGMA(GCC unroll steps)
#endif

#if defined(__CUDACC__)

#define KERNEL(threads) __global__ void __launch_bounds__(threads)
#define DEVICE __device__ __forceinline__
/// An array that the threads of a block share: SHARED_ARRAY(float, tile, [32][33]); uninitialised.
#define SHARED_ARRAY(type, name, dims) __shared__ type name dims
/// `name`: a type* to the shared bytes that the launch asked for, aligned to 16. One a kernel.
#define DYNAMIC_SHARED(type, name)                                       \
    extern __shared__ __align__(16) unsigned char moco_dynamic_shared[]; \
    type* name = reinterpret_cast<type*>(moco_dynamic_shared)

#else
#include "cuda/emulated/device.h"
#endif

namespace moco::cuda {

inline constexpr unsigned kFullMask = 0xffffffffu;
inline constexpr int kWarpSize = 32;

/// Blocks of `threads` threads that cover `count` items, at most `most` of them (then the kernel strides).
inline unsigned blocks_for(int64_t count, int threads, int64_t most = 1 << 16) {
    const int64_t blocks = (count + threads - 1) / threads;
    return static_cast<unsigned>(blocks < 1 ? 1 : blocks < most ? blocks : most);
}

#if defined(__CUDACC__)
/// Puts a kernel on a stream; throws Error, naming it, where the launch is refused. LAUNCH gives the name.
template <typename... Parameters, typename... Arguments>
void launch_kernel(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
                   cudaStream_t stream, Arguments&&... arguments) {
    static_assert(sizeof...(Parameters) == sizeof...(Arguments), "one argument a parameter");
    std::tuple<std::remove_cv_t<Parameters>...> values(std::forward<Arguments>(arguments)...);
    std::apply(
        [&](auto&... value) {
            void* pointers[] = {const_cast<void*>(static_cast<const void*>(&value))...};
            check_launch(
                cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, block, pointers, shared_bytes, stream),
                name, grid, block, shared_bytes);
        },
        values);
}
#endif

#define LAUNCH(kernel, ...) ::moco::cuda::launch_kernel(#kernel, kernel, __VA_ARGS__)

}  // namespace moco::cuda
