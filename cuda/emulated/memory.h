// The memory of the emulated device. Each allocation lies between two pages that nobody may touch; what is left of its
// own pages is a red zone. Fresh memory holds NaN patterns. The host can touch device memory only while the device
// works (DeviceAccess), so that code which follows a device pointer on the host ends at once, with a sentence.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>

namespace moco::cuda::emulated {

inline constexpr unsigned char kFreshByte = 0xff;  // a NaN in every format, -1 in integers

/// `bytes` bytes aligned to 256; cudaErrorMemoryAllocation when there is no more.
cudaError_t allocate_device(void** memory, size_t bytes);
/// cudaErrorInvalidValue if it is not the beginning of a live allocation; a report if a red zone was written.
cudaError_t free_device(void* memory);

/// Pinned host memory: the device may read and write it.
cudaError_t allocate_pinned(void** memory, size_t bytes);
cudaError_t free_pinned(void* memory);

/// Whether [memory, memory + bytes) lies wholly within one live device allocation.
bool is_device_memory(const void* memory, size_t bytes);
/// The same for pinned host memory.
bool is_pinned_memory(const void* memory, size_t bytes);
/// Whether a kernel may be given this address: device or pinned memory, or the end of one.
bool is_device_accessible(const void* memory);
/// Whether it is one of the addresses that device memory has, had or will have.
bool belongs_to_device(const void* memory);
/// All of those.
struct Addresses {
    const char* begin;
    size_t bytes;
};
Addresses device_addresses();
/// An address in words: "0x... , 4 bytes behind the end of an allocation of 128 bytes".
std::string describe_address(const void* memory);

/// Which red zone was written next to an allocation, in words; "" if none was. Quick enough for every kernel.
std::string damaged_red_zone();

struct MemoryUse {
    size_t allocations, bytes;  // of device memory, live
    size_t pinned;              // allocations of pinned memory, live
};
MemoryUse memory_in_use();

/// Frees all there is.
void free_everything();

/// While one exists, this thread may touch device memory.
class DeviceAccess {
  public:
    DeviceAccess();
    DeviceAccess(const DeviceAccess&) = delete;
    DeviceAccess& operator=(const DeviceAccess&) = delete;
    ~DeviceAccess();
};

}  // namespace moco::cuda::emulated
