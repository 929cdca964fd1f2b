#include "cuda/emulated/race.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "core/error.h"
#include "cuda/emulated/block.h"
#include "cuda/emulated/device.h"
#include "cuda/emulated/memory.h"
#include "cuda/emulated/shared.h"
#include "cuda/emulated/site.h"

extern "C" const char __executable_start, end;  // of the program in memory, from the linker

namespace moco::cuda::emulated {

thread_local constinit bool watching = false;

namespace {

constexpr uint16_t kSeveral = 0xffff;       // readers, of several warps
constexpr uint16_t kSeveralLanes = 0x8000;  // readers of one warp; with its first thread
constexpr uint16_t kAtomic = 0x4000;        // the writes were atomic
constexpr uint16_t kThread = 0x3fff;

/// What was done last to one byte. Intervals are numbered through; 0: never.
struct Shadow {
    uint32_t write_interval, read_interval;
    uint32_t write_place, read_place;  // in the program's code
    uint16_t writer, write_epoch;      // its warp's barriers so far in the interval
    uint16_t reader, read_epoch;
};

struct Races {
    bool watched = false;
    uint32_t interval = 0, first_of_launch = 0, first_of_block = 0;
    std::vector<uint16_t> epochs;  // by warp
    Shadow* device = nullptr;      // of all addresses that device memory can have
    std::vector<Shadow> shared = std::vector<Shadow>(shared_arena().bytes);
};

Races& races() {
    static Races& all = *new Races;
    return all;
}

uint32_t place_in_code(const void* where) {
    return static_cast<uint32_t>(static_cast<const char*>(where) - &__executable_start);
}

// "cuda/relu.cu:20", as far as the program's debugging information and addr2line tell.
std::string line_of(uint32_t place) {
    const std::string command =
        fmt::format("addr2line -e /proc/{}/exe {:#x} 2>/dev/null", getpid(), place - 1);  // the call, not behind it
    std::string line = fmt::format("code at {:#x}", place);
    if (FILE* output = popen(command.c_str(), "r")) {
        char text[512] = "";
        if (std::fgets(text, sizeof text, output) && text[0] != '?') line = text;
        pclose(output);
    }
    line.resize(std::min(line.size(), line.find_first_of(" \n")));
    return std::string(short_path(line));
}

std::string name_of_thread(uint16_t thread) {
    if (thread == kSeveral) return "several threads";
    const unsigned index = thread & kThread;
    const unsigned x = index % blockDim.x, y = index / blockDim.x % blockDim.y, z = index / blockDim.x / blockDim.y;
    return fmt::format("{}thread ({},{},{})", thread & kSeveralLanes ? "lanes of the warp of " : "", x, y, z);
}

std::string name_of_memory(const void* memory) {
    return shared_arena().holds(memory) ? describe_shared(memory) : describe_address(memory);
}

// What one access needs to know of itself.
struct Now {
    const void* memory;
    Access access;
    uint16_t thread, epoch;
    uint32_t place;
    uint32_t
        first_ordered;  // intervals before this are over for everybody: those of a block's shared memory end sooner
};

[[noreturn]] void fault(const Now& now, const char* other_did, uint16_t other, uint32_t interval, uint32_t place) {
    const char* does = now.access == Access::read ? "reads" : now.access == Access::write ? "writes" : "updates";
    const bool same_block = interval >= races().first_of_block;
    abandon_kernel(fmt::format("a race: it {} {} ({}), which {} {} ({}); nothing orders the two", does,
                               name_of_memory(now.memory), line_of(now.place),
                               same_block ? name_of_thread(other) : "another block", other_did, line_of(place)));
}

// Whether what was done in `interval` by `other`, at its warp's `epoch`, comes before what is done now.
bool ordered(const Now& now, uint32_t interval, uint16_t other, uint16_t epoch) {
    if (interval < now.first_ordered) return true;
    if (interval < races().first_of_block) return false;  // another block of this launch
    if (interval < races().interval) return true;
    if (other == kSeveral) return false;
    const bool same_warp = (other & kThread) / 32 == now.thread / 32;
    if (!(other & kSeveralLanes) && (other & kThread) == now.thread) return true;
    return same_warp && epoch < now.epoch;
}

void check_byte(Shadow& shadow, const Now& now) {
    const bool write_is_atomic = shadow.writer != kSeveral && shadow.writer & kAtomic;
    if (!(now.access == Access::atomic && write_is_atomic) &&
        !ordered(now, shadow.write_interval, static_cast<uint16_t>(shadow.writer & ~kAtomic), shadow.write_epoch))
        fault(now, write_is_atomic ? "updates" : "writes", static_cast<uint16_t>(shadow.writer & ~kAtomic),
              shadow.write_interval, shadow.write_place);
    if (now.access != Access::read) {
        if (!ordered(now, shadow.read_interval, shadow.reader, shadow.read_epoch))
            fault(now, "reads", shadow.reader, shadow.read_interval, shadow.read_place);
        shadow.write_interval = races().interval;
        shadow.write_place = now.place;
        shadow.writer = static_cast<uint16_t>(now.access == Access::atomic ? now.thread | kAtomic : now.thread);
        shadow.write_epoch = now.epoch;
        return;
    }
    // Readers add up: a later write must come after all of them.
    uint16_t reader = now.thread;
    if (shadow.read_interval == races().interval && shadow.reader != now.thread) {
        const bool same_warp = shadow.reader != kSeveral && (shadow.reader & kThread) / 32 == now.thread / 32;
        if (!same_warp)
            reader = kSeveral;
        else if (shadow.read_epoch == now.epoch)
            reader = static_cast<uint16_t>(kSeveralLanes | (now.thread & ~31));
    } else if (shadow.read_interval >= now.first_ordered && shadow.read_interval < races().first_of_block) {
        return;  // keep the reader of another block: whoever writes now is wrong anyway
    }
    shadow.read_interval = races().interval;
    shadow.read_place = now.place;
    shadow.reader = reader;
    shadow.read_epoch = now.epoch;
}

// The shadow of device memory: as sparse as the memory's own addresses.
Shadow* shadow_of_device() {
    if (!races().device) {
        void* all = mmap(nullptr, device_addresses().bytes * sizeof(Shadow), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        check(all != MAP_FAILED, "the emulated device has no addresses left to watch races");
        races().device = static_cast<Shadow*>(all);
    }
    return races().device;
}

bool in_program(const void* memory) {
    return memory >= &__executable_start && memory < &end;
}

}  // namespace

bool races_are_watched() {
    return races().watched;
}

void watch_races() {
    races().watched = true;
}

void race_launch() {
    races().first_of_launch = races().interval + 1;
}

void race_block() {
    races().first_of_block = ++races().interval;
    races().epochs.assign(32, 0);
}

void race_barrier() {
    ++races().interval;
    races().epochs.assign(32, 0);
}

void race_warp_barrier(int warp) {
    ++races().epochs[static_cast<size_t>(warp)];
}

// Compilers take it that callbacks do not throw.
void check_access(const void* memory, size_t bytes, Access access, const void* where) {
    if (in_own_stack(memory)) return;
    const Unwatched quiet;
    const auto thread = static_cast<uint16_t>(current_thread());
    Now now{memory, access, thread, races().epochs[thread / 32u], place_in_code(where), races().first_of_launch};
    const auto* begin = static_cast<const char*>(memory);
    Shadow* shadow = nullptr;
    if (shared_arena().holds(memory)) {
        if (!in_shared_array(memory, bytes))
            abandon_kernel(fmt::format("it touches {} ({})", describe_shared(memory), line_of(now.place)));
        now.first_ordered = races().first_of_block;
        shadow = races().shared.data() + (begin - shared_arena().begin);
    } else if (is_device_memory(memory, bytes)) {
        shadow = shadow_of_device() + (begin - device_addresses().begin);
    } else if (is_pinned_memory(memory, bytes) || is_kernel_argument(memory) ||
               (in_program(memory) && access == Access::read)) {
        return;
    } else {
        abandon_kernel(fmt::format("it touches {} ({})", describe_address(memory), line_of(now.place)));
    }
    for (size_t i = 0; i < bytes; ++i) {
        now.memory = begin + i;
        check_byte(shadow[i], now);
    }
}

void begin_atomic(const void* memory, size_t bytes) {
    if (races().watched) check_access(memory, bytes, Access::atomic, __builtin_return_address(0));
    watching = false;
}

void end_atomic() {
    watching = true;
}

}  // namespace moco::cuda::emulated
