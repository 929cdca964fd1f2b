#include "cuda/check.h"

#include "core/error.h"

namespace moco::cuda {

void check_cuda(cudaError_t status, std::string_view call) {
    if (status == cudaSuccess) [[likely]]
        return;
    int device = -1;
    cudaGetDevice(&device);
    fail("CUDA device {}: {} failed: {} ({})", device, call, cudaGetErrorString(status), cudaGetErrorName(status));
}

void check_launch(cudaError_t status, const char* kernel, dim3 grid, dim3 block, size_t shared_bytes) {
    if (status == cudaSuccess) [[likely]]
        return;
    check_cuda(status, fmt::format("the launch of {} with {}x{}x{} blocks of {}x{}x{} threads and {} shared bytes",
                                   kernel, grid.x, grid.y, grid.z, block.x, block.y, block.z, shared_bytes));
}

}  // namespace moco::cuda
