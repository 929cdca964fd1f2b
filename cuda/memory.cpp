// Best fit within segments; a segment is one cudaMalloc.
#include "cuda/memory.h"

#include <cuda_runtime_api.h>

#include <algorithm>

#include "core/error.h"
#include "cuda/check.h"

namespace moco::cuda {
namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kSlabBytes = size_t{2} << 20;
constexpr size_t kLargestSmall = size_t{128} << 10;
constexpr size_t kSegmentUnit = size_t{2} << 20;
constexpr size_t kSmallestSegment = size_t{16} << 20;
constexpr size_t kLargestSegment = size_t{1} << 30;
constexpr size_t kAddressSpace = size_t{1} << 47;  // nobody has a larger block; rounding it up would wrap around
// Two segments may lie side by side, but no block may reach from one into the other: the end of each stays unused.
constexpr size_t kGap = kAlignment;

size_t round_up(size_t bytes, size_t multiple) {
    return (bytes + multiple - 1) / multiple * multiple;
}

double mib(size_t bytes) {
    return static_cast<double>(bytes) / (1 << 20);
}

/// Null, and no error left behind, where the device has no more.
void* device_malloc(size_t bytes) {
    void* memory = nullptr;
    const cudaError_t status = cudaMalloc(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        return nullptr;
    }
    check_cuda(status, fmt::format("cudaMalloc of {} bytes", bytes));
    return memory;
}

}  // namespace

MemoryPool::~MemoryPool() {
    for (const Segment& segment : segments_) cudaFree(segment.begin);
}

size_t MemoryPool::block_size(size_t bytes) {
    return round_up(std::max<size_t>(bytes, 1), kAlignment);
}

bool MemoryPool::add_segment(size_t bytes) {
    auto* const memory = static_cast<char*>(device_malloc(bytes));
    if (memory == nullptr) return false;
    segments_.push_back({memory, bytes});
    held_ += bytes;
    return true;
}

/// Makes a large block of `bytes` possible: a segment as large as all before it together, so that there are few, or
/// as small as will do; if the device has not even that, what is wholly free goes back to it first.
bool MemoryPool::grow(size_t bytes) {
    const size_t needed = round_up(bytes + kGap, kSegmentUnit);
    const size_t wanted = std::max(needed, std::clamp(held_, kSmallestSegment, kLargestSegment));
    bool grown = add_segment(wanted) || (wanted > needed && add_segment(needed));
    if (!grown) {
        trim_locked();
        grown = add_segment(needed);
    }
    if (grown) large_.give(segments_.back().begin, segments_.back().bytes - kGap);
    return grown;
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

char* MemoryPool::take(size_t block) {
    if (caching_ == Caching::no) return add_segment(block) ? segments_.back().begin : nullptr;
    return block <= kLargestSmall ? take_small(block) : take_large(block);
}

void* MemoryPool::allocate(size_t bytes) {
    const std::lock_guard lock(mutex_);
    char* const memory = bytes < kAddressSpace ? take(block_size(bytes)) : nullptr;
    if (memory == nullptr) {
        size_t free = 0, total = 0;
        cudaMemGetInfo(&free, &total);
        fail(
            "out of memory: the CUDA backend asked the device for {:.1f} MiB in one block and holds {:.1f} MiB already "
            "({:.1f} MiB of it in use); the device has {:.1f} of {:.1f} MiB free; use a smaller batch, image size or "
            "width, or bf16",
            mib(bytes), mib(held_), mib(in_use_), mib(free), mib(total));
    }
    const size_t block = block_size(bytes);
    if (noting_) (block <= kLargestSmall ? noted_.small : noted_.large).emplace_back(memory, block);
    in_use_ += block;
    peak_ = std::max(peak_, in_use_);
    return memory;
}

void MemoryPool::release(void* memory, size_t bytes) {
    if (memory == nullptr) return;
    const std::lock_guard lock(mutex_);
    const size_t block = block_size(bytes);
    in_use_ -= block;
    if (caching_ == Caching::no)
        drop_segment(static_cast<char*>(memory));
    else
        (block <= kLargestSmall ? small_ : large_).give(static_cast<char*>(memory), block);
}

void MemoryPool::drop_segment(const char* begin) {
    const auto segment = std::ranges::find(segments_, begin, &Segment::begin);
    held_ -= segment->bytes;
    cudaFree(segment->begin);  // waits for the device, so whoever still uses the memory is done
    segments_.erase(segment);
}

bool MemoryPool::owns(const void* memory) const {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(segments_,
                               [&](const Segment& s) { return memory >= s.begin && memory < s.begin + s.bytes; });
}

void MemoryPool::trim() {
    const std::lock_guard lock(mutex_);
    trim_locked();
}

void MemoryPool::trim_locked() {
    for (const Segment& segment : std::vector(segments_)) {
        if (large_.take_whole(segment.begin, segment.bytes - kGap)) drop_segment(segment.begin);
    }
}

void MemoryPool::begin_noting() {
    const std::lock_guard lock(mutex_);
    noting_ = true;
}

MemoryPool::Kept MemoryPool::end_noting() {
    const std::lock_guard lock(mutex_);
    noting_ = false;
    const Kept noted = std::exchange(noted_, {});
    Kept kept;
    const auto keep = [&](FreeBlocks& free, const auto& blocks, auto& pieces) {
        for (const auto& [memory, bytes] : blocks) {
            for (const auto& piece : free.take_within(memory, bytes)) {
                pieces.push_back(piece);
                in_use_ += piece.second;
            }
        }
    };
    keep(small_, noted.small, kept.small);
    keep(large_, noted.large, kept.large);
    return kept;
}

void MemoryPool::give_back(const Kept& kept) {
    const std::lock_guard lock(mutex_);
    const auto give = [&](FreeBlocks& free, const auto& pieces) {
        for (const auto& [memory, bytes] : pieces) {
            free.give(memory, bytes);
            in_use_ -= bytes;
        }
    };
    give(small_, kept.small);
    give(large_, kept.large);
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

}  // namespace moco::cuda
