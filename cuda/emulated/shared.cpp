#include "cuda/emulated/shared.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "cuda/emulated/block.h"
#include "cuda/emulated/race.h"
#include "cuda/emulated/sanitizer.h"

namespace moco::cuda::emulated {
namespace {

constexpr size_t kZone = 128;
constexpr size_t kArenaBytes = (228 << 10) + 64 * 3 * kZone;
constexpr unsigned char kFresh = 0xff;  // a NaN in every format, -1 in integers
constexpr unsigned char kCanary = 0xa5;

struct Array {
    const Site* site;  // null: the launch's own bytes
    char *zone, *begin, *end;
};

alignas(128) char arena[kArenaBytes];
std::vector<Array> arrays;
size_t used = 0;   // of the arena, with red zones
size_t bytes = 0;  // of arrays
uint64_t block = 0;
char* dynamic = nullptr;
std::string damage;

std::string name_of(const Array& array) {
    if (!array.site) return "the launch's dynamic shared memory";
    return fmt::format("the shared array {} ({})", array.site->what, place_of(*array.site));
}

// An array is aligned as its type asks and no better, so that a vector load that hopes for more is seen to fail.
char* lay_out(const Site* site, size_t size, size_t alignment) {
    bytes += size;
    const size_t begin = used + kZone + (alignment <= 16 ? alignment : 0);
    const size_t end = begin + size;
    const size_t next = (end + kZone - 1) / kZone * kZone;
    if (bytes > dynamic_limit() || next + 2 * kZone > kArenaBytes || arrays.size() >= 64)
        kernel_fault(fmt::format("its block needs more than {} bytes of shared memory", dynamic_limit()));
    unpoison(arena + used, next + kZone - used);
    std::memset(arena + used, kCanary, begin - used);
    std::memset(arena + begin, kFresh, size);
    std::memset(arena + end, kCanary, next + kZone - end);
    poison(arena + used, begin - used);
    poison(arena + end, next + kZone - end);
    arrays.push_back({site, arena + used, arena + begin, arena + end});
    used = next;
    return arena + begin;
}

bool untouched(const char* begin, const char* end) {
    if (begin == end) return true;
    return static_cast<unsigned char>(*begin) == kCanary &&
           std::memcmp(begin, begin + 1, static_cast<size_t>(end - begin) - 1) == 0;  // and so all of them
}

}  // namespace

void begin_shared(size_t dynamic_bytes) {
    poison(arena, kArenaBytes);
    arrays.clear();
    used = bytes = 0;
    dynamic = nullptr;
    ++block;
    if (dynamic_bytes) dynamic = lay_out(nullptr, dynamic_bytes, 16);
}

const char* end_shared() {
    if (arrays.empty()) return "";
    unpoison(arena, used + kZone);
    damage.clear();
    for (size_t i = 0; i < arrays.size() && damage.empty(); ++i) {
        const char* next = i + 1 < arrays.size() ? arrays[i + 1].begin : arena + used + kZone;
        if (!untouched(arrays[i].zone, arrays[i].begin))
            damage = "it wrote before the beginning of " + name_of(arrays[i]);
        else if (!untouched(arrays[i].end, next))
            damage = "it wrote behind the end of " + name_of(arrays[i]);
    }
    return damage.c_str();
}

SharedArena shared_arena() {
    return {arena, kArenaBytes};
}

bool in_shared_array(const void* memory, size_t size) {
    const auto* at = static_cast<const char*>(memory);
    return std::any_of(arrays.begin(), arrays.end(),
                       [&](const Array& array) { return at >= array.begin && at + size <= array.end; });
}

std::string describe_shared(const void* memory) {
    const auto* at = static_cast<const char*>(memory);
    for (const Array& array : arrays) {
        if (at >= array.begin && at < array.end) return fmt::format("byte {} of {}", at - array.begin, name_of(array));
    }
    for (const Array& array : arrays) {
        if (at < array.begin && at >= array.zone) return "shared memory before " + name_of(array);
        if (at >= array.end && at < array.end + kZone) return "shared memory behind " + name_of(array);
    }
    return "shared memory that belongs to no array";
}

void* shared_array(Site& site, size_t size, size_t alignment) {
    const Unwatched quiet;
    if (site.block == block) return site.memory;
    site.block = block;
    return site.memory = lay_out(&site, size, alignment);
}

void* dynamic_shared() {
    const Unwatched quiet;
    if (!dynamic) kernel_fault("it uses DYNAMIC_SHARED, but its launch asked for no shared bytes");
    return dynamic;
}

}  // namespace moco::cuda::emulated
