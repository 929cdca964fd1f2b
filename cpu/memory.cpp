// The caching allocator, and the backend's members that move bytes.
#include "cpu/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "core/parallel.h"
#include "cpu/backend_impl.h"

namespace moco::cpu {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kSlabBytes = size_t{32} << 20;
constexpr size_t kAddressSpace = size_t{1} << 47;  // nobody has a larger block; rounding it up would wrap around
constexpr size_t kLargestInSlab = size_t{4} << 20;

size_t round_up(size_t bytes, size_t multiple) {
    return (bytes + multiple - 1) / multiple * multiple;
}

double mib(size_t bytes) {
    return static_cast<double>(bytes) / (1 << 20);
}

}  // namespace

MemoryPool::~MemoryPool() {
    for (const Region& slab : slabs_) std::free(slab.memory);
    for (const auto& [memory, bytes] : large_) std::free(memory);
}

size_t MemoryPool::bucket_size(size_t bytes) {
    if (bytes <= 8 * kAlignment) return std::max(kAlignment, round_up(bytes, kAlignment));
    const size_t step = std::max(kAlignment, std::bit_floor(bytes - 1) / 8);
    return round_up(bytes, step);
}

// Large regions start at a huge page and ask for huge pages: a step streams through all of its memory, and with 4 KiB
// pages it would spend its time in the TLB and, the first time, in page faults.
void* MemoryPool::take_from_system(size_t bytes) {
    void* memory = std::aligned_alloc(kHugePage, round_up(bytes, kHugePage));
    if (memory == nullptr) {
        free_cached_regions();
        memory = std::aligned_alloc(kHugePage, round_up(bytes, kHugePage));
    }
    if (memory == nullptr) return nullptr;
    madvise(memory, round_up(bytes, kHugePage), MADV_HUGEPAGE);  // advice: without it, the same result, slower
    held_ += round_up(bytes, kHugePage);
    return memory;
}

void MemoryPool::free_cached_regions() {
    for (auto& [bucket, blocks] : free_) {
        if (bucket <= kLargestInSlab) continue;
        for (void* memory : blocks) {
            held_ -= round_up(bucket, kHugePage);
            large_.erase(memory);
            std::free(memory);
        }
        blocks.clear();
    }
}

void* MemoryPool::carve(size_t bytes) {
    if (static_cast<size_t>(slab_end_ - slab_next_) < bytes) {
        void* slab = take_from_system(kSlabBytes);
        if (slab == nullptr) return nullptr;
        slabs_.push_back({slab, kSlabBytes});
        slab_next_ = static_cast<char*>(slab);
        slab_end_ = slab_next_ + kSlabBytes;
    }
    void* memory = slab_next_;
    slab_next_ += bytes;
    return memory;
}

void* MemoryPool::allocate(size_t bytes) {
    const std::lock_guard lock(mutex_);
    const size_t bucket = bytes < kAddressSpace ? bucket_size(bytes) : bytes;
    void* memory = nullptr;
    if (bytes < kAddressSpace) {
        std::vector<void*>& blocks = free_[bucket];
        if (!blocks.empty()) {
            memory = blocks.back();
            blocks.pop_back();
        } else if (bucket <= kLargestInSlab) {
            memory = carve(bucket);
        } else {
            memory = take_from_system(bucket);
            if (memory != nullptr) large_.emplace(memory, bucket);
        }
    }
    check(memory != nullptr,
          "out of memory: the CPU backend asked the system for {:.1f} MiB in one block and holds {:.1f} MiB already "
          "({:.1f} MiB of it in use); use a smaller batch, image size or width, or free memory on this machine",
          mib(bytes), mib(held_), mib(in_use_));
    in_use_ += bucket;
    peak_ = std::max(peak_, in_use_);
    return memory;
}

void MemoryPool::release(void* memory, size_t bytes) {
    if (memory == nullptr) return;
    const std::lock_guard lock(mutex_);
    const size_t bucket = bucket_size(bytes);
    in_use_ -= bucket;
    free_[bucket].push_back(memory);
}

size_t MemoryPool::bytes_in_use() const {
    const std::lock_guard lock(mutex_);
    return in_use_;
}

size_t MemoryPool::peak_bytes() const {
    const std::lock_guard lock(mutex_);
    return peak_;
}

size_t MemoryPool::bytes_held() const {
    const std::lock_guard lock(mutex_);
    return held_;
}

void MemoryPool::reset_peak() {
    const std::lock_guard lock(mutex_);
    peak_ = in_use_;
}

// ---- the backend's members ----

namespace {

constexpr int64_t kCopyGrain = 1 << 20;  // bytes: below this, waking another thread costs more than it saves

}  // namespace

void* CpuBackend::allocate(size_t bytes) {
    return memory_.allocate(bytes);
}

void CpuBackend::release(void* memory, size_t bytes) {
    memory_.release(memory, bytes);
}

void CpuBackend::copy(void* target, const void* source, size_t bytes) {
    parallel_for(static_cast<int64_t>(bytes), kCopyGrain, [=](int64_t begin, int64_t end) {
        std::memcpy(static_cast<char*>(target) + begin, static_cast<const char*>(source) + begin,
                    static_cast<size_t>(end - begin));
    });
}

void CpuBackend::copy_from_host(void* target, const void* source_host, size_t bytes) {
    copy(target, source_host, bytes);
}

void CpuBackend::copy_to_host(void* target_host, const void* source, size_t bytes) {
    copy(target_host, source, bytes);
}

void CpuBackend::fill_zero(void* target, size_t bytes) {
    parallel_for(static_cast<int64_t>(bytes), kCopyGrain, [=](int64_t begin, int64_t end) {
        std::memset(static_cast<char*>(target) + begin, 0, static_cast<size_t>(end - begin));
    });
}

void CpuBackend::synchronize() {}

}  // namespace moco::cpu
