// Memory and streams of the hand-written half of the backend.
#include "cuda/kernel_backend.h"

#include <fmt/format.h>

#include "core/error.h"
#include "cuda/check.h"

namespace moco::cuda {
namespace {

cudaDeviceProp properties() {
    int device = 0;
    check_cuda(cudaGetDevice(&device), "cudaGetDevice");
    cudaDeviceProp found;
    check_cuda(cudaGetDeviceProperties(&found, device), "cudaGetDeviceProperties");
    return found;
}

}  // namespace

KernelBackend::KernelBackend() {
    check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
}

KernelBackend::~KernelBackend() {
    cudaStreamDestroy(stream_);
}

std::string_view KernelBackend::name() const {
    return "cuda";
}

std::string KernelBackend::description() const {
    return properties().name;
}

std::string KernelBackend::instruction_set() const {
    const cudaDeviceProp found = properties();
    return fmt::format("sm_{}{}", found.major, found.minor);
}

void* KernelBackend::allocate(size_t bytes) {
    void* memory = nullptr;
    check_cuda(cudaMalloc(&memory, bytes), "cudaMalloc");
    return memory;
}

void KernelBackend::release(void* memory, size_t) {
    check_cuda(cudaFree(memory), "cudaFree");
}

void KernelBackend::copy_from_host(void* target, const void* source_host, size_t bytes) {
    check_cuda(cudaMemcpyAsync(target, source_host, bytes, cudaMemcpyHostToDevice, stream_), "cudaMemcpyAsync");
    synchronize();
}

void KernelBackend::copy_to_host(void* target_host, const void* source, size_t bytes) {
    check_cuda(cudaMemcpyAsync(target_host, source, bytes, cudaMemcpyDeviceToHost, stream_), "cudaMemcpyAsync");
    synchronize();
}

void KernelBackend::copy(void* target, const void* source, size_t bytes) {
    check_cuda(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToDevice, stream_), "cudaMemcpyAsync");
}

void KernelBackend::fill_zero(void* target, size_t bytes) {
    check_cuda(cudaMemsetAsync(target, 0, bytes, stream_), "cudaMemsetAsync");
}

void KernelBackend::synchronize() {
    check_cuda(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
}

}  // namespace moco::cuda
