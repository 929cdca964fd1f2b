// Device memory for the length of a scope.
#pragma once

#include <cstdint>

#include "core/backend.h"

namespace moco::cuda {

/// `count` uninitialised values of T in device memory. Memory is ordered by the stream: kernels that were put on it
/// within the scope may still run when it ends.
template <typename T>
class Scratch {
  public:
    Scratch(Backend& backend, int64_t count)
        : backend_(backend),
          bytes_(static_cast<size_t>(count) * sizeof(T)),
          values_(static_cast<T*>(backend.allocate(bytes_))) {}
    ~Scratch() { backend_.release(values_, bytes_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    T* get() const { return values_; }

  private:
    Backend& backend_;
    size_t bytes_;
    T* values_;
};

}  // namespace moco::cuda
