// The CPU backend's memory: a caching allocator. A training step asks for the same sizes as the step before, so blocks
// are kept in buckets by size and handed out again without a system call and without fresh page faults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace moco::cpu {

/// Thread-safe. All memory is given back to the system by the destructor: no block may outlive the pool.
class MemoryPool {
  public:
    MemoryPool() = default;
    ~MemoryPool();
    MemoryPool(const MemoryPool&) = delete;
    MemoryPool& operator=(const MemoryPool&) = delete;

    /// At least `bytes` bytes (0 counts as 1), aligned to 64. Throws Error when the system has no more.
    void* allocate(size_t bytes);
    /// Takes back a block of allocate(bytes). Null is allowed and ignored.
    void release(void* memory, size_t bytes);

    size_t bytes_in_use() const;  ///< handed out now, rounded up to bucket sizes
    size_t peak_bytes() const;    ///< the most that was ever handed out at a time
    size_t bytes_held() const;    ///< taken from the system: in use, free in buckets, and unused rests of slabs
    void reset_peak();            ///< peak_bytes() counts from now

    /// The size of the bucket that serves `bytes`: at most an eighth larger (or 64 bytes).
    static size_t bucket_size(size_t bytes);

  private:
    struct Region {
        void* memory;
        size_t bytes;
    };
    void* take_from_system(size_t bytes);
    void* carve(size_t bytes);
    void free_cached_regions();

    mutable std::mutex mutex_;
    std::map<size_t, std::vector<void*>> free_;  // bucket size -> blocks
    std::vector<Region> slabs_;                  // small blocks are cut from these
    std::map<void*, size_t> large_;              // large blocks, each its own region
    char* slab_next_ = nullptr;
    char* slab_end_ = nullptr;
    size_t in_use_ = 0, peak_ = 0, held_ = 0;
};

}  // namespace moco::cpu
