// Memory of the pool for the length of a scope.
#pragma once

#include <cstdint>

#include "cpu/memory.h"

namespace moco::cpu {

/// `count` uninitialised values of T, aligned to 64 bytes.
template <typename T>
class Scratch {
  public:
    Scratch(MemoryPool& pool, int64_t count)
        : pool_(pool),
          bytes_(static_cast<size_t>(count) * sizeof(T)),
          values_(static_cast<T*>(pool.allocate(bytes_))) {}
    ~Scratch() { pool_.release(values_, bytes_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    T* get() { return values_; }
    T& operator[](int64_t i) { return values_[i]; }

  private:
    MemoryPool& pool_;
    size_t bytes_;
    T* values_;
};

}  // namespace moco::cpu
