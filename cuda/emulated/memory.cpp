#include "cuda/emulated/memory.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>

#include "core/error.h"
#include "cuda/emulated/failure.h"
#include "cuda/emulated/leaks.h"
#include "cuda/emulated/sanitizer.h"
#include "cuda/emulated/settings.h"
#include "cuda/emulated/trap.h"

namespace moco::cuda::emulated {
namespace {

constexpr size_t kAlignment = 256;
constexpr unsigned char kCanary = 0xa5;
// Addresses are not used again before all of them were: memory that was freed stays out of reach for long.
constexpr size_t kAddressBytes = size_t{1} << 38;

struct Block {
    char* pages;  // its own pages; one page before and one behind belong to nobody
    size_t page_bytes;
    size_t bytes;  // asked for; they begin at the key in `live`
};

struct Heap {
    char* addresses = nullptr;
    size_t used = 0;  // of the addresses
    size_t bytes = 0;
    std::map<const char*, Block> live, freed, pinned;
    int access = 0;  // DeviceAccess objects
};

Heap& heap() {
    static Heap& all = *new Heap;  // never deleted: whoever ends last may still use it
    return all;
}

size_t page() {
    static const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return bytes;
}

size_t round_up(size_t bytes, size_t to) {
    return (bytes + to - 1) / to * to;
}

// Pages for `bytes` bytes with an unused page on both sides; null when there are no more addresses.
char* take_addresses(size_t bytes) {
    Heap& h = heap();
    if (!h.addresses) {
        void* all = mmap(nullptr, kAddressBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        check(all != MAP_FAILED, "the emulated device cannot reserve {} bytes of addresses", kAddressBytes);
        h.addresses = static_cast<char*>(all);
        watch_host();
        report_leaks_at_exit();
    }
    if (h.used + bytes + 2 * page() <= kAddressBytes) {
        char* pages = h.addresses + h.used + page();
        h.used += bytes + page();
        return pages;
    }
    const auto fits =
        std::find_if(h.freed.begin(), h.freed.end(), [&](const auto& old) { return old.second.page_bytes >= bytes; });
    if (fits == h.freed.end()) return nullptr;
    char* pages = fits->second.pages;
    h.freed.erase(fits);
    return pages;
}

// The one that holds `address` or, within a page, ends before or begins behind it.
const std::pair<const char* const, Block>* near(const std::map<const char*, Block>& blocks, const void* address) {
    const auto* at = static_cast<const char*>(address);
    auto next = blocks.upper_bound(at);
    if (next != blocks.begin()) {
        const auto previous = std::prev(next);
        if (at < previous->second.pages + previous->second.page_bytes + page()) return &*previous;
    }
    if (next != blocks.end() && at >= next->second.pages - page()) return &*next;
    return nullptr;
}

bool holds(const std::map<const char*, Block>& blocks, const void* memory, size_t bytes, bool end_counts) {
    const auto* found = near(blocks, memory);
    const auto* at = static_cast<const char*>(memory);
    if (!found || at < found->first) return false;
    const size_t offset = static_cast<size_t>(at - found->first);
    return offset + bytes <= found->second.bytes && (bytes || end_counts || offset < found->second.bytes);
}

bool untouched(const char* begin, const char* end) {
    if (begin == end) return true;
    return static_cast<unsigned char>(*begin) == kCanary &&
           std::memcmp(begin, begin + 1, static_cast<size_t>(end - begin) - 1) == 0;  // and so all of them
}

// `most`: how much of each red zone to look at, from the allocation.
std::string damage_of(const char* begin, const Block& block, size_t most) {
    unpoison(block.pages, block.page_bytes);
    const char* end = begin + block.bytes;
    const size_t front = static_cast<size_t>(begin - block.pages);
    const size_t back = static_cast<size_t>(block.pages + block.page_bytes - end);
    std::string what;
    if (!untouched(begin - std::min(front, most), begin)) what = "before the beginning";
    if (!untouched(end, end + std::min(back, most))) what = "behind the end";
    poison(block.pages, front);
    poison(end, back);
    return what.empty() ? "" : fmt::format("something wrote {} of a device allocation of {} bytes", what, block.bytes);
}

}  // namespace

cudaError_t allocate_device(void** memory, size_t bytes) {
    if (!memory) return cudaErrorInvalidValue;
    *memory = nullptr;
    if (!bytes) return cudaSuccess;
    Heap& h = heap();
    if (injected_failure(Failure::malloc) || bytes > settings().memory_bytes - h.bytes)
        return cudaErrorMemoryAllocation;
    const size_t page_bytes = round_up(round_up(bytes, kAlignment), page());
    char* pages = take_addresses(page_bytes);
    if (!pages || mprotect(pages, page_bytes, PROT_READ | PROT_WRITE) != 0) return cudaErrorMemoryAllocation;
    char* begin = pages + page_bytes - round_up(bytes, kAlignment);
    std::memset(pages, kCanary, static_cast<size_t>(begin - pages));
    std::memset(begin, kFreshByte, bytes);
    std::memset(begin + bytes, kCanary, static_cast<size_t>(pages + page_bytes - begin) - bytes);
    const Block block{pages, page_bytes, bytes};
    damage_of(begin, block, 0);  // poisons
    h.live.emplace(begin, block);
    h.bytes += bytes;
    if (!h.access) mprotect(pages, page_bytes, PROT_NONE);
    *memory = begin;
    return cudaSuccess;
}

cudaError_t free_device(void* memory) {
    if (!memory) return cudaSuccess;
    Heap& h = heap();
    const auto found = h.live.find(static_cast<const char*>(memory));
    if (found == h.live.end()) {
        report(fmt::format("cudaFree of {}, which is not the beginning of an allocation", describe_address(memory)));
        return cudaErrorInvalidValue;
    }
    const Block block = found->second;
    {
        const DeviceAccess access;
        const std::string damage = damage_of(found->first, block, SIZE_MAX);
        if (!damage.empty()) report(damage + ", as cudaFree found");
        unpoison(block.pages, block.page_bytes);
    }
    h.live.erase(found);
    h.bytes -= block.bytes;
    h.freed.insert_or_assign(static_cast<const char*>(memory), block);
    madvise(block.pages, block.page_bytes, MADV_DONTNEED);
    mprotect(block.pages, block.page_bytes, PROT_NONE);
    return cudaSuccess;
}

cudaError_t allocate_pinned(void** memory, size_t bytes) {
    if (!memory) return cudaErrorInvalidValue;
    *memory = nullptr;
    if (!bytes) return cudaSuccess;
    if (injected_failure(Failure::malloc)) return cudaErrorMemoryAllocation;
    const size_t page_bytes = round_up(bytes, page());
    void* pages = mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return cudaErrorMemoryAllocation;
    std::memset(pages, kFreshByte, bytes);
    heap().pinned.emplace(static_cast<char*>(pages), Block{static_cast<char*>(pages), page_bytes, bytes});
    *memory = pages;
    return cudaSuccess;
}

cudaError_t free_pinned(void* memory) {
    if (!memory) return cudaSuccess;
    const auto found = heap().pinned.find(static_cast<const char*>(memory));
    if (found == heap().pinned.end()) {
        report(
            fmt::format("cudaFreeHost of {}, which is not the beginning of pinned memory", describe_address(memory)));
        return cudaErrorInvalidValue;
    }
    munmap(found->second.pages, found->second.page_bytes);
    heap().pinned.erase(found);
    return cudaSuccess;
}

bool is_device_memory(const void* memory, size_t bytes) {
    const std::lock_guard lock(device_mutex());
    return holds(heap().live, memory, bytes, false);
}

bool is_pinned_memory(const void* memory, size_t bytes) {
    const std::lock_guard lock(device_mutex());
    return holds(heap().pinned, memory, bytes, false);
}

bool is_device_accessible(const void* memory) {
    return holds(heap().live, memory, 0, true) || holds(heap().pinned, memory, 0, true);
}

bool belongs_to_device(const void* memory) {
    const char* begin = heap().addresses;
    return begin && memory >= begin && memory < begin + kAddressBytes;
}

Addresses device_addresses() {
    return {heap().addresses, kAddressBytes};
}

std::string describe_address(const void* memory) {
    const auto* at = static_cast<const char*>(memory);
    const auto in_words = [&](const auto& found, const char* kind) {
        const auto& [begin, block] = found;
        const int64_t from_begin = at - begin, from_end = at - (begin + block.bytes);
        std::string place = from_begin < 0   ? fmt::format("{} bytes before the beginning of", -from_begin)
                            : from_end == 0  ? "at the end of"
                            : from_end > 0   ? fmt::format("{} bytes behind the end of", from_end)
                            : from_begin > 0 ? fmt::format("{} bytes into", from_begin)
                                             : "the beginning of";
        return fmt::format("{}, {} {} of {} bytes", memory, place, kind, block.bytes);
    };
    if (const auto* found = near(heap().live, memory)) return in_words(*found, "a device allocation");
    if (const auto* found = near(heap().freed, memory)) return in_words(*found, "a freed device allocation");
    if (const auto* found = near(heap().pinned, memory)) return in_words(*found, "pinned host memory");
    return fmt::format("{}, memory of the host", memory);
}

std::string damaged_red_zone() {
    const DeviceAccess access;
    for (const auto& [begin, block] : heap().live) {
        std::string damage = damage_of(begin, block, kAlignment);
        if (!damage.empty()) return damage;
    }
    return "";
}

MemoryUse memory_in_use() {
    const std::lock_guard lock(device_mutex());
    return {heap().live.size(), heap().bytes, heap().pinned.size()};
}

void free_everything() {
    while (!heap().live.empty()) free_device(const_cast<char*>(heap().live.begin()->first));
    while (!heap().pinned.empty()) free_pinned(const_cast<char*>(heap().pinned.begin()->first));
}

DeviceAccess::DeviceAccess() {
    if (heap().access++) return;
    for (const auto& [begin, block] : heap().live) mprotect(block.pages, block.page_bytes, PROT_READ | PROT_WRITE);
}

DeviceAccess::~DeviceAccess() {
    if (--heap().access) return;
    for (const auto& [begin, block] : heap().live) mprotect(block.pages, block.page_bytes, PROT_NONE);
}

}  // namespace moco::cuda::emulated
