// The CUDA backend's memory: a caching allocator over few large pieces of device memory. A training step asks for the
// same blocks as the step before, and cudaMalloc and cudaFree would wait for the device each time.
//
// It is ordered by a stream: a block that was given back may be handed out again while work that uses it still runs,
// because its next user stands behind that work in the same stream. Whoever uses a block in another stream orders the
// two by events (cuda/side_lane.h).
#pragma once

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "core/free_blocks.h"

namespace moco::cuda {

/// yes: memory is kept and handed out again. no: every block is a cudaMalloc of its own and given back by cudaFree, so
/// that memory checkers see each block's ends and its life.
enum class Caching { yes, no };

/// Thread-safe. All memory is given back by the destructor: no block may outlive the pool.
class MemoryPool {
  public:
    explicit MemoryPool(Caching caching = Caching::yes) : caching_(caching) {}
    ~MemoryPool();
    MemoryPool(const MemoryPool&) = delete;
    MemoryPool& operator=(const MemoryPool&) = delete;

    /// At least `bytes` bytes (0 counts as 1) of device memory, aligned to 256. Throws Error, saying what was asked,
    /// what is held and what the device has free, when there is no more.
    void* allocate(size_t bytes);
    /// Gives back what allocate(bytes) returned; null is allowed.
    void release(void* memory, size_t bytes);
    /// Whether allocate returned `memory` or a block around it.
    bool owns(const void* memory) const;
    /// Gives pieces of which no block is in use back to the device. Waits for the device.
    void trim();

    /// Blocks, by their beginnings and sizes.
    struct Kept {
        std::vector<std::pair<char*, size_t>> small, large;
    };
    /// Notes the blocks that are handed out from now on.
    void begin_noting();
    /// Ends that. What was noted and is free by now counts as in use until give_back: nobody else gets it.
    Kept end_noting();
    void give_back(const Kept& kept);

    size_t bytes_in_use() const;
    /// The most bytes in use since reset_peak (or ever).
    size_t peak_bytes() const;
    /// Device memory that the pool has taken, in use or free.
    size_t bytes_held() const;
    void reset_peak();

    /// How many bytes a block for `bytes` takes.
    static size_t block_size(size_t bytes);

  private:
    struct Segment {
        char* begin;
        size_t bytes;
    };
    bool add_segment(size_t bytes);
    bool grow(size_t bytes);
    void trim_locked();
    char* take_large(size_t bytes);
    char* take_small(size_t bytes);
    char* take(size_t block);
    void drop_segment(const char* begin);

    const Caching caching_;
    mutable std::mutex mutex_;
    // Small and large blocks come from different places, so that a small one that lives on does not keep two large
    // free neighbours apart. Small ones are cut from slabs, which are large blocks that are never given back.
    FreeBlocks small_, large_;
    std::vector<Segment> segments_;
    bool noting_ = false;
    Kept noted_;
    size_t held_ = 0;
    size_t in_use_ = 0;
    size_t peak_ = 0;
};

}  // namespace moco::cuda
