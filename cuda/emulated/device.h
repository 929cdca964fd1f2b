// cuda/kernel.h under the host compiler: kernels are plain functions, which the emulated device calls once a thread.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "cuda/check.h"
#include "cuda/emulated/block.h"
#include "cuda/emulated/intrinsics.h"
#include "cuda/emulated/launch.h"
#include "cuda/emulated/shared.h"
#include "cuda/emulated/site.h"

// The launch bounds are told to launch.cpp by as many no-operations at the kernel's entry as it has warps (GCC,
// x86-64).
#define KERNEL(threads) [[gnu::patchable_function_entry(((threads) + 31) / 32)]] void
#define DEVICE inline
#define SHARED_ARRAY(type, name, dims)                                                           \
    using name##_shared_t = type dims;                                                           \
    name##_shared_t& name = *static_cast<name##_shared_t*>(::moco::cuda::emulated::shared_array( \
        MOCO_CUDA_SITE(shared, #name), sizeof(name##_shared_t), alignof(name##_shared_t)))
#define DYNAMIC_SHARED(type, name) type* name = static_cast<type*>(::moco::cuda::emulated::dynamic_shared())

#define __syncthreads() static_cast<void>(::moco::cuda::emulated::barrier(MOCO_CUDA_SITE(barrier, "__syncthreads")))
#define __syncthreads_count(predicate) \
    ::moco::cuda::emulated::barrier(MOCO_CUDA_SITE(barrier, "__syncthreads_count"), (predicate) != 0)
#define __syncthreads_or(predicate) \
    (::moco::cuda::emulated::barrier(MOCO_CUDA_SITE(barrier, "__syncthreads_or"), (predicate) != 0) != 0)
#define __syncthreads_and(predicate) \
    (::moco::cuda::emulated::barrier(MOCO_CUDA_SITE(barrier, "__syncthreads_and"), (predicate) == 0) == 0)
#define __syncwarp(...) \
    ::moco::cuda::emulated::sync_warp(MOCO_CUDA_SITE(exchange, "__syncwarp") __VA_OPT__(, ) __VA_ARGS__)
#define __shfl_sync(...) ::moco::cuda::emulated::shuffle(MOCO_CUDA_SITE(exchange, "__shfl_sync"), __VA_ARGS__)
#define __shfl_xor_sync(...) \
    ::moco::cuda::emulated::shuffle_xor(MOCO_CUDA_SITE(exchange, "__shfl_xor_sync"), __VA_ARGS__)
#define __shfl_up_sync(...) ::moco::cuda::emulated::shuffle_up(MOCO_CUDA_SITE(exchange, "__shfl_up_sync"), __VA_ARGS__)
#define __shfl_down_sync(...) \
    ::moco::cuda::emulated::shuffle_down(MOCO_CUDA_SITE(exchange, "__shfl_down_sync"), __VA_ARGS__)
#define __ballot_sync(mask, predicate) \
    ::moco::cuda::emulated::vote(MOCO_CUDA_SITE(exchange, "__ballot_sync"), mask, (predicate) != 0)
#define __any_sync(mask, predicate) \
    (::moco::cuda::emulated::vote(MOCO_CUDA_SITE(exchange, "__any_sync"), mask, (predicate) != 0) != 0)
#define __all_sync(mask, predicate) \
    (::moco::cuda::emulated::vote(MOCO_CUDA_SITE(exchange, "__all_sync"), mask, (predicate) == 0) == 0)

namespace moco::cuda::emulated {

/// A kernel with its arguments.
template <typename... Parameters>
struct KernelCall {
    template <typename... Arguments>
    explicit KernelCall(void (*k)(Parameters...), Arguments&&... a)
        : kernel(k), arguments(std::forward<Arguments>(a)...) {}

    /// Calls it once: one thread.
    static void run(const void* call) {
        std::apply(static_cast<const KernelCall*>(call)->kernel, static_cast<const KernelCall*>(call)->arguments);
    }

    void (*kernel)(Parameters...);
    std::tuple<std::remove_cv_t<Parameters>...> arguments;
};

}  // namespace moco::cuda::emulated

namespace moco::cuda {

/// Where the running thread stands. Watch them in a debugger: they change with every switch of threads.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

/// Puts a kernel on a stream; throws Error, naming it, where the launch is refused. LAUNCH gives the name.
template <typename... Parameters, typename... Arguments>
void launch_kernel(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
                   cudaStream_t stream, Arguments&&... arguments) {
    static_assert(sizeof...(Parameters) == sizeof...(Arguments), "one argument a parameter");
    using Call = emulated::KernelCall<Parameters...>;
    const auto call = std::make_shared<const Call>(kernel, std::forward<Arguments>(arguments)...);
    std::vector<const void*> pointers;
    const auto note = [&](const auto& value) {
        if constexpr (std::is_pointer_v<std::remove_cvref_t<decltype(value)>>) pointers.push_back(value);
    };
    std::apply([&](const auto&... value) { (note(value), ...); }, call->arguments);
    const emulated::Launch launch{.name = name,
                                  .kernel = reinterpret_cast<const void*>(kernel),
                                  .grid = grid,
                                  .block = block,
                                  .shared_bytes = shared_bytes,
                                  .run = Call::run,
                                  .call = call,
                                  .call_bytes = sizeof(Call),
                                  .pointers = std::move(pointers)};
    check_launch(emulated::enqueue_kernel(launch, stream), name, grid, block, shared_bytes);
}

}  // namespace moco::cuda
