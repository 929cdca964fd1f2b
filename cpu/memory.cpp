// The caching allocator, and the backend's members that move bytes.
#include "cpu/memory.h"

#include <sanitizer/asan_interface.h>  // its macros do nothing in other builds
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/parallel.h"
#include "cpu/backend_impl.h"

namespace moco::cpu {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kPage = 4096;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kSlabBytes = kHugePage;
constexpr size_t kLargestSmall = size_t{128} << 10;
// Nobody has a larger block, and rounding one up would wrap around.
constexpr size_t kAddressSpace = size_t{1} << (sizeof(size_t) > 4 ? 47 : 31);

size_t round_up(size_t bytes, size_t multiple) {
    return (bytes + multiple - 1) / multiple * multiple;
}

double mib(size_t bytes) {
    return static_cast<double>(bytes) / (1 << 20);
}

/// How many addresses to reserve at a time: as many as this machine has memory, so that all blocks lie in one range,
/// but only a quarter of what a limit on addresses (ulimit -v) allows.
size_t addresses_to_reserve() {
    const auto physical = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGE_SIZE));
    rlimit limit = {};
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return physical;
    return std::min(physical, static_cast<size_t>(limit.rlim_cur) / 4);
}

/// At least `bytes` addresses that begin and end with a huge page, without memory; {null, 0} if there are none.
std::pair<char*, size_t> reserve(size_t bytes) {
    for (const size_t wanted : {std::max(bytes, addresses_to_reserve()), bytes}) {
        const size_t size = round_up(wanted, kHugePage) + kHugePage;
        void* memory = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) continue;
        char* const first = static_cast<char*>(memory);
        char* const begin = first + (kHugePage - reinterpret_cast<uintptr_t>(first) % kHugePage) % kHugePage;
        char* const end = begin + size - kHugePage;
        if (begin > first) munmap(first, static_cast<size_t>(begin - first));
        if (first + size > end) munmap(end, static_cast<size_t>(first + size - end));
        return {begin, size - kHugePage};
    }
    return {nullptr, 0};
}

}  // namespace

MemoryPool::~MemoryPool() {
    for (const Range& range : ranges_) {
        // Only what commit() poisoned: the addresses reserved are those of all memory, and so is the work.
        ASAN_UNPOISON_MEMORY_REGION(range.begin, static_cast<size_t>(range.committed - range.begin));
        munmap(range.begin, static_cast<size_t>(range.end - range.begin));
    }
}

size_t MemoryPool::block_size(size_t bytes) {
    return round_up(std::max<size_t>(bytes, 1), bytes <= kLargestSmall ? kAlignment : kPage);
}

/// Turns `bytes` more addresses of a range into memory. The system grants them or not; pages come at the first touch.
bool MemoryPool::commit(Range& range, size_t bytes) {
    if (static_cast<size_t>(range.end - range.committed) < bytes) return false;
    if (mprotect(range.committed, bytes, PROT_READ | PROT_WRITE) != 0) return false;
    // Huge pages: a step streams through all of its memory, and with 4 KiB pages it would spend its time in the TLB
    // and, the first time, in page faults. Advice: without it, the same result, slower.
    madvise(range.committed, bytes, MADV_HUGEPAGE);
    ASAN_POISON_MEMORY_REGION(range.committed, bytes);
    large_.give(range.committed, bytes);
    range.committed += bytes;
    held_ += bytes;
    return true;
}

/// Makes a large block of `bytes` possible: the last range grows by what its free end lacks, or a new one begins.
bool MemoryPool::grow(size_t bytes) {
    if (!ranges_.empty()) {
        const size_t lacking = bytes - std::min(bytes, large_.bytes_before(ranges_.back().committed));
        if (commit(ranges_.back(), round_up(lacking, kHugePage))) return true;
    }
    const size_t wanted = round_up(bytes, kHugePage);
    const auto [memory, size] = reserve(wanted);
    if (memory == nullptr) return false;
    ranges_.push_back({memory, memory, memory + size});
    if (commit(ranges_.back(), wanted)) return true;
    munmap(memory, size);
    ranges_.pop_back();
    return false;
}

char* MemoryPool::take_large(size_t bytes) {
    char* memory = large_.take(bytes);
    return memory == nullptr && grow(bytes) ? large_.take(bytes) : memory;
}

char* MemoryPool::take_small(size_t bytes) {
    char* memory = small_.take(bytes);
    if (memory != nullptr) return memory;
    char* const slab = take_large(kSlabBytes);
    if (slab == nullptr) return nullptr;
    small_.give(slab, kSlabBytes);
    return small_.take(bytes);
}

void* MemoryPool::allocate(size_t bytes) {
    const std::lock_guard lock(mutex_);
    char* memory = nullptr;
    if (bytes < kAddressSpace) {
        const size_t block = block_size(bytes);
        memory = block <= kLargestSmall ? take_small(block) : take_large(block);
    }
    check(memory != nullptr,
          "out of memory: the CPU backend asked the system for {:.1f} MiB in one block and holds {:.1f} MiB already "
          "({:.1f} MiB of it in use); use a smaller batch, image size or width, or free memory on this machine",
          mib(bytes), mib(held_), mib(in_use_));
    ASAN_UNPOISON_MEMORY_REGION(memory, bytes);
    in_use_ += block_size(bytes);
    peak_ = std::max(peak_, in_use_);
    return memory;
}

void MemoryPool::release(void* memory, size_t bytes) {
    if (memory == nullptr) return;
    const std::lock_guard lock(mutex_);
    const size_t block = block_size(bytes);
    ASAN_POISON_MEMORY_REGION(memory, block);
    in_use_ -= block;
    (block <= kLargestSmall ? small_ : large_).give(static_cast<char*>(memory), block);
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
