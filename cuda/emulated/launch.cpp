#include "cuda/emulated/launch.h"

#include <fmt/format.h>

#include <memory>

#include "core/error.h"
#include "cuda/emulated/block.h"
#include "cuda/emulated/failure.h"
#include "cuda/emulated/memory.h"
#include "cuda/emulated/shared.h"
#include "cuda/emulated/stream.h"

namespace moco::cuda::emulated {
namespace {

constexpr unsigned kMostThreads = 1024, kMostDepth = 64;
constexpr unsigned kMostBlocksX = 0x7fffffff, kMostBlocksYZ = 65535;
constexpr size_t kMostParameterBytes = 4096;

// Why a device would refuse the launch; "" if it would not.
std::string refusal(const Launch& launch) {
    const dim3 grid = launch.grid, block = launch.block;
    const uint64_t threads = uint64_t{block.x} * block.y * block.z;
    if (threads == 0 || uint64_t{grid.x} * grid.y * grid.z == 0) return "a dimension is 0";
    if (threads > kMostThreads || block.z > kMostDepth)
        return fmt::format("a block has at most {} threads, {} in z", kMostThreads, kMostDepth);
    if (grid.x > kMostBlocksX || grid.y > kMostBlocksYZ || grid.z > kMostBlocksYZ)
        return fmt::format("a grid has at most {} x {} x {} blocks", kMostBlocksX, kMostBlocksYZ, kMostBlocksYZ);
    if (launch.call_bytes > kMostParameterBytes)
        return fmt::format("the parameters have {} bytes, at most {} are possible", launch.call_bytes,
                           kMostParameterBytes);
    if (launch.shared_bytes > shared_limit_of(launch.kernel))
        return fmt::format("{} shared bytes are more than the kernel may have ({})", launch.shared_bytes,
                           shared_limit_of(launch.kernel));
    const int bounds = launch_bounds(launch.kernel);
    if (bounds && threads > static_cast<uint64_t>(bounds))
        return fmt::format("blocks of {} threads, but its launch bounds are {}", threads, bounds);
    return "";
}

void check_pointers(const std::string& name, const std::vector<const void*>& pointers) {
    for (size_t i = 0; i < pointers.size(); ++i) {
        check(!pointers[i] || is_device_accessible(pointers[i]),
              "kernel {}: its pointer argument {} of {} ({}) is not memory of the device", name, i + 1, pointers.size(),
              describe_address(pointers[i]));
    }
}

}  // namespace

int launch_bounds(const void* kernel) {
#if defined(__x86_64__) && !defined(__clang__)
    const auto* code = static_cast<const unsigned char*>(kernel);
    if (code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3] == 0xfa) code += 4;  // endbr64
    int warps = 0;
    while (code[warps] == 0x90) ++warps;
    return 32 * warps;
#else
    static_cast<void>(kernel);
    return 0;
#endif
}

cudaError_t enqueue_kernel(const Launch& launch, cudaStream_t stream) {
    const std::string reason = refusal(launch);
    if (!reason.empty()) {
        report(fmt::format("the launch of {} was refused: {}", launch.name, reason));
        return remember(launch.shared_bytes > shared_limit_of(launch.kernel) ? cudaErrorInvalidValue
                                                                             : cudaErrorInvalidConfiguration);
    }
    if (injected_failure(Failure::launch)) return remember(cudaErrorLaunchOutOfResources);
    auto kernel = std::make_shared<Kernel>();
    *kernel = {.name = launch.name,
               .grid = launch.grid,
               .block = launch.block,
               .shared_bytes = launch.shared_bytes,
               .shared_limit = std::max(shared_limit_of(launch.kernel), kSharedBytes),
               .run = launch.run,
               .call = launch.call,
               .call_bytes = launch.call_bytes};
    return enqueue(stream, launch.name, [kernel, pointers = launch.pointers] {
        check_pointers(kernel->name, pointers);
        run_kernel(*kernel);
    });
}

}  // namespace moco::cuda::emulated
