// The device that this process computes on.
#pragma once

#include <cstddef>
#include <string>

namespace moco::cuda {

/// Whether this build's devices are emulated by the host's processor (cuda/emulated/).
#if defined(MOCO_CUDA_EMULATED)
inline constexpr bool kEmulated = true;
#else
inline constexpr bool kEmulated = false;
#endif

struct Device {
    int number = 0;
    std::string name;          // "NVIDIA H100 80GB HBM3"
    int major = 0, minor = 0;  // compute capability
    size_t memory = 0;         // bytes

    /// "sm_90"
    std::string architecture() const;
};

/// The calling thread's device. Throws Error, in one sentence that says what to do, where the runtime finds none or the
/// driver is too old for it.
Device find_device();

/// Whether the runtime finds a device.
bool has_device();

}  // namespace moco::cuda
