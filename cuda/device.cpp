#include "cuda/device.h"

#include <cuda_runtime_api.h>

#include "core/error.h"
#include "cuda/check.h"

namespace moco::cuda {
namespace {

/// "13.0" of 13000
std::string version_text(int version) {
    return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

int attribute(cudaDeviceAttr which, int device) {
    int value = 0;
    check_cuda(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute");
    return value;
}

void check_driver(cudaError_t status) {
    if (status != cudaErrorInsufficientDriver) return;
    int driver = 0, runtime = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    check(driver != 0, "no NVIDIA driver is installed on this machine");
    fail("the NVIDIA driver of this machine knows CUDA {}, this program needs CUDA {}; update the driver",
         version_text(driver), version_text(runtime));
}

}  // namespace

std::string Device::architecture() const {
    return fmt::format("sm_{}{}", major, minor);
}

bool has_device() {
    int count = 0;
    const bool found = cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
    cudaGetLastError();  // a machine without a device is no error of a later call
    return found;
}

Device find_device() {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    check_driver(status);
    check(status != cudaErrorNoDevice && (status != cudaSuccess || count > 0),
          "this machine has no CUDA device, or CUDA_VISIBLE_DEVICES hides it");
    check_cuda(status, "cudaGetDeviceCount");
    Device device;
    check_cuda(cudaGetDevice(&device.number), "cudaGetDevice");
    cudaDeviceProp properties;
    check_cuda(cudaGetDeviceProperties(&properties, device.number), "cudaGetDeviceProperties");
    device.name = properties.name;
    device.memory = properties.totalGlobalMem;
    device.major = attribute(cudaDevAttrComputeCapabilityMajor, device.number);
    device.minor = attribute(cudaDevAttrComputeCapabilityMinor, device.number);
    return device;
}

}  // namespace moco::cuda
