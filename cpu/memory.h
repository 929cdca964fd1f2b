// The CPU backend's memory: a caching allocator. A training step asks for the same blocks as the step before, so memory
// is kept and handed out again without a system call and without fresh page faults. Free neighbours become one block,
// so that what a process holds stays near the most that was ever in use at a time, whatever the sizes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "core/free_blocks.h"

namespace moco::cpu {

/// Thread-safe. All memory is given back to the system by the destructor: no block may outlive the pool. The address
/// sanitizer knows what is free and where a block's bytes end.
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

    size_t bytes_in_use() const;  ///< handed out now, rounded up to block sizes
    size_t peak_bytes() const;    ///< the most that was ever handed out at a time
    size_t bytes_held() const;    ///< taken from the system: in use and free
    void reset_peak();            ///< peak_bytes() counts from now

    /// The size of the block that serves `bytes`: a cache line or, from 128 KiB, a page more at most.
    static size_t block_size(size_t bytes);

  private:
    /// Addresses reserved from the system, of which [begin, committed) are memory.
    struct Range {
        char *begin, *committed, *end;
    };
    char* take_small(size_t bytes);
    char* take_large(size_t bytes);
    bool grow(size_t bytes);
    bool commit(Range& range, size_t bytes);

    mutable std::mutex mutex_;
    std::vector<Range> ranges_;
    FreeBlocks large_;
    FreeBlocks small_;  // cut from slabs, which are large blocks: a large one is not kept in pieces by a small one
    size_t in_use_ = 0, peak_ = 0, held_ = 0;
};

}  // namespace moco::cpu
