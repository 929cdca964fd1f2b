// A number of the host, or a few, where kernels read them: in device memory.
#pragma once

#include <type_traits>

#include "core/backend.h"
#include "core/tensor.h"

namespace moco {

/// A T on the device, set between steps. A recorded step reads it anew with every replay.
template <typename T>
class DeviceValue {
    static_assert(std::is_trivially_copyable_v<T>, "a DeviceValue travels as bytes");

  public:
    /// T() until set. `backend` must outlive it.
    explicit DeviceValue(Backend& backend)
        : memory_(Tensor::empty({static_cast<int64_t>(sizeof(T))}, DType::u8, backend)) {
        set(T());
    }

    void set(const T& value) {
        host_ = value;
        memory_.copy_from_host(&host_);
    }
    /// What was set last (the host's copy).
    const T& host() const { return host_; }
    /// Device memory; kernels take the address of the member that they read.
    const T* data() const { return reinterpret_cast<const T*>(memory_.data<uint8_t>()); }

  private:
    T host_;
    Tensor memory_;  // u8, sizeof(T)
};

}  // namespace moco
