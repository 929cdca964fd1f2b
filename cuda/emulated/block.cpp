#include "cuda/emulated/block.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string_view>

#include "core/error.h"
#include "cuda/emulated/device.h"
#include "cuda/emulated/fiber.h"
#include "cuda/emulated/race.h"
#include "cuda/emulated/shared.h"
#include "cuda/emulated/threads.h"
#include "cuda/emulated/trap.h"

namespace moco::cuda {

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

}  // namespace moco::cuda

namespace moco::cuda::emulated {
namespace {

using State = Thread::State;

/// What runs; there is one device, and whoever runs a kernel holds it.
struct Device {
    const Kernel* kernel = nullptr;
    std::vector<Thread> threads;
    Turns turns;
    int current = kNone;
    int exited = 0;

    int at_barrier = 0, barrier_votes = 0, barrier_result = 0;
    const Site* barrier_site = nullptr;

    Fiber* host = nullptr;
    std::vector<std::unique_ptr<Fiber>> fibers;
    std::vector<Fiber*> idle;  // fibers that wait for a thread to start
    Fiber* running = nullptr;
    std::string fault;
};

Device device;

Thread& thread(int index) {
    return device.threads[static_cast<size_t>(index)];
}

std::string name_of(uint3 index) {
    return fmt::format("({},{},{})", index.x, index.y, index.z);
}

void fiber_main();

Fiber& idle_fiber() {
    if (device.idle.empty()) {
        device.fibers.push_back(std::make_unique<Fiber>(fiber_main));
        return *device.fibers.back();
    }
    Fiber& fiber = *device.idle.back();
    device.idle.pop_back();
    return fiber;
}

void go_to(Fiber& to) {
    Fiber& from = *device.running;
    if (&from == &to) return;
    device.running = &to;
    switch_fiber(from, to);
}

void make_current(int index) {
    device.current = index;
    threadIdx = thread(index).index;
}

std::string with_place(const std::string& what, bool in_thread) {
    return fmt::format("kernel {}, block {}{}: {}", device.kernel->name, name_of(blockIdx),
                       in_thread ? ", thread " + name_of(threadIdx) : "", what);
}

// The current thread to its end; false: a fault.
bool run_thread() {
    try {
        watching = true;
        device.kernel->run(device.kernel->call.get());
        watching = false;
        return true;
    } catch (const std::exception& error) {
        watching = false;
        device.fault = with_place(error.what(), true);
        return false;
    }
}

// Runs threads one after the other on this stack, until one that waits elsewhere must go on.
void fiber_main() {
    Fiber::arrived();
    Fiber& self = *device.running;
    for (;;) {
        Thread& me = thread(device.current);
        me.fiber = &self;
        me.state = State::runnable;
        if (!run_thread()) go_to(*device.host);  // which gives this stack up
        me.state = State::exited;
        me.fiber = nullptr;
        ++device.exited;
        device.turns.set_waiting(device.current);
        const int next = device.turns.next();
        if (next != kNone) make_current(next);
        Fiber* to = next == kNone ? device.host : thread(next).fiber;
        if (!to) continue;  // a fresh thread: here
        device.idle.push_back(&self);
        go_to(*to);
    }
}

// The current thread waits until it is chosen again.
void wait() {
    const int me = device.current;
    const int next = device.turns.next();
    if (next == kNone) go_to(*device.host);  // which sees that not all have exited
    if (next == me) return;
    make_current(next);
    go_to(thread(next).fiber ? *thread(next).fiber : idle_fiber());
}

std::string where(const Thread& waiting) {
    return waiting.state == State::exited
               ? "has exited"
               : fmt::format("waits at {} ({})", place_of(*waiting.site), waiting.site->what);
}

// Nobody can run, and not all have exited: says who waits for whom.
std::string deadlock() {
    const auto waits = std::find_if(device.threads.begin(), device.threads.end(),
                                    [](const Thread& t) { return t.state != State::exited; });
    const bool warp_only = waits->state == State::in_exchange;
    const int warp = static_cast<int>(waits - device.threads.begin()) / kLanes;
    for (const Thread& other : device.threads) {
        const int index = static_cast<int>(&other - device.threads.data());
        if (warp_only && (index / kLanes != warp || !(waits->mask >> index % kLanes & 1))) continue;
        if (other.state == waits->state && other.site == waits->site && other.mask == waits->mask) continue;
        return fmt::format("thread {} {} for thread {}, which {}", name_of(waits->index), where(*waits),
                           name_of(other.index), where(other));
    }
    return fmt::format("thread {} {} for threads that its block does not have (mask {:#x})", name_of(waits->index),
                       where(*waits), waits->mask);
}

// After a fault the stacks of suspended threads are given up.
void abandon_threads() {
    device.idle.clear();
    for (const auto& fiber : device.fibers) {
        fiber->restart();
        device.idle.push_back(fiber.get());
    }
}

void run_block() {
    for (Thread& t : device.threads) t = {.index = t.index};
    device.turns.begin(static_cast<int>(device.threads.size()));
    device.exited = device.at_barrier = device.barrier_votes = 0;
    begin_shared(device.kernel->shared_bytes);
    race_block();
    make_current(device.turns.next());
    go_to(idle_fiber());
    if (device.fault.empty() && device.exited != static_cast<int>(device.threads.size()))
        device.fault = with_place(deadlock(), false);
    const std::string damage = end_shared();
    if (device.fault.empty() && !damage.empty()) device.fault = with_place(damage, false);
    if (!device.fault.empty()) abandon_threads();
}

// The order of blocks: i -> (first + i * step) mod count, with a step that meets all of them.
struct BlockOrder {
    uint64_t first = 0, step = 1;

    explicit BlockOrder(uint64_t count) {
        if (settings().schedule == Schedule::reversed) {
            first = count - 1;
            step = count - 1;
        } else if (settings().schedule == Schedule::random) {
            first = next_random() % count;
            do step = next_random() % count + 1;
            while (std::gcd(step, count) != 1);
        }
    }
};

[[gnu::noinline]] void run_blocks() {
    const uint64_t count = uint64_t{gridDim.x} * gridDim.y * gridDim.z;
    const BlockOrder order(count);
    race_launch();
    for (uint64_t i = 0, at = order.first; i < count && device.fault.empty(); ++i, at = (at + order.step) % count) {
        blockIdx = {static_cast<unsigned>(at % gridDim.x), static_cast<unsigned>(at / gridDim.x % gridDim.y),
                    static_cast<unsigned>(at / gridDim.x / gridDim.y)};
        run_block();
    }
}

// False: memory was touched that must not be. Nothing else may live in this function: it is jumped into.
[[gnu::noinline]] bool run_blocks_or_trap() {
    static sigjmp_buf target;
    if (sigsetjmp(target, 1) != 0) return false;
    set_trap(&target);
    run_blocks();
    return true;
}

void begin_threads(dim3 block) {
    device.threads.clear();
    for (unsigned z = 0; z < block.z; ++z)
        for (unsigned y = 0; y < block.y; ++y)
            for (unsigned x = 0; x < block.x; ++x) device.threads.push_back({.index = {x, y, z}});
}

}  // namespace

void run_kernel(const Kernel& kernel) {
    Fiber host;
    device.host = device.running = &host;
    device.kernel = &kernel;
    device.fault.clear();
    blockDim = kernel.block;
    gridDim = kernel.grid;
    begin_threads(kernel.block);
    if (!run_blocks_or_trap()) {
        device.fault = with_place(trapped(), true);
        abandon_threads();
    }
    set_trap(nullptr);
    watching = false;
    device.host = device.running = nullptr;
    device.kernel = nullptr;
    if (!device.fault.empty()) fail("{}", device.fault);
}

void kernel_fault(const std::string& what) {
    throw Error(what);
}

void abandon_kernel(const std::string& what) {
    device.fault = with_place(what, true);
    go_to(*device.host);
    std::abort();  // nobody comes back
}

size_t dynamic_limit() {
    return device.kernel->shared_limit;
}

int current_thread() {
    return device.current;
}

bool in_own_stack(const void* memory) {
    return device.running->owns(memory);
}

bool is_kernel_argument(const void* memory) {
    const auto* begin = static_cast<const char*>(device.kernel->call.get());
    return memory >= begin && memory < begin + device.kernel->call_bytes;
}

int lane() {
    return device.current % kLanes;
}

int barrier(Site& site, bool predicate) {
    const Unwatched quiet;
    if (reached(site).off) return predicate;
    Thread& me = thread(device.current);
    if (device.at_barrier && device.barrier_site != &site)
        kernel_fault(fmt::format("it waits at {} while others of its block wait at {}", place_of(site),
                                 place_of(*device.barrier_site)));
    device.barrier_site = me.site = &site;
    device.barrier_votes += predicate;
    me.state = State::at_barrier;
    device.turns.set_waiting(device.current);
    if (++device.at_barrier == static_cast<int>(device.threads.size())) {
        device.barrier_result = device.barrier_votes;
        device.at_barrier = device.barrier_votes = 0;
        for (size_t i = 0; i < device.threads.size(); ++i) {
            device.threads[i].state = State::runnable;
            device.turns.set_ready(static_cast<int>(i));
        }
        device.turns.restart();
        race_barrier();
    }
    wait();
    return device.barrier_result;
}

namespace {

Warp& my_warp() {
    return device.turns.warps[static_cast<size_t>(device.current / kLanes)];
}

int lanes_of_warp() {
    return std::min(kLanes, static_cast<int>(device.threads.size()) - device.current / kLanes * kLanes);
}

// Calls f(thread) for the lanes of `mask` in the current warp.
template <typename F>
void for_lanes(unsigned mask, F f) {
    const int first = device.current / kLanes * kLanes;
    for (unsigned left = mask; left; left &= left - 1) f(first + std::countr_zero(left));
}

// The last of its lanes has come: they take each other's values and go on.
void complete_exchange(const Site& site, unsigned mask) {
    unsigned votes = 0;
    const int first = device.current / kLanes * kLanes;
    for_lanes(mask, [&](int index) {
        const Thread& t = thread(index);
        if (t.site != &site || t.mask != mask)
            kernel_fault(fmt::format("it waits at {} with mask {:#x} for thread {}, which {} with mask {:#x}",
                                     place_of(site), mask, name_of(t.index), where(t), t.mask));
        votes |= (t.value != 0 ? 1u : 0u) << index % kLanes;
    });
    for_lanes(mask, [&](int index) {
        Thread& t = thread(index);
        if (t.source_lane == kNone)
            t.result = votes;
        else
            t.result = mask >> t.source_lane & 1 ? thread(first + t.source_lane).value : ~uint64_t{0};
    });
    for_lanes(mask, [&](int index) {
        thread(index).state = State::runnable;
        device.turns.set_ready(index);
    });
    my_warp().exchanging &= ~mask;
    if (std::string_view(site.what) == "__syncwarp" && mask == (1ull << lanes_of_warp()) - 1)
        race_warp_barrier(device.current / kLanes);
}

// source_lane kNone: a vote.
uint64_t meet(Site& site, unsigned mask, uint64_t value, int source_lane) {
    Thread& me = thread(device.current);
    if (!(mask >> lane() & 1))
        kernel_fault(fmt::format("it is not in the mask {:#x} it gives at {}", mask, place_of(site)));
    me.site = &site;
    me.mask = mask;
    me.value = value;
    me.source_lane = source_lane;
    me.state = State::in_exchange;
    Warp& warp = my_warp();
    warp.exchanging |= 1u << lane();
    device.turns.set_waiting(device.current);
    if ((warp.exchanging & mask) == mask) complete_exchange(site, mask);
    if (me.state != State::runnable) wait();
    return me.result;
}

}  // namespace

uint64_t exchange(Site& site, unsigned mask, uint64_t value, int source_lane) {
    const Unwatched quiet;
    return reached(site).off ? value : meet(site, mask, value, source_lane);
}

unsigned vote(Site& site, unsigned mask, bool predicate) {
    const Unwatched quiet;
    if (reached(site).off) return predicate ? 1u << lane() : 0;
    return static_cast<unsigned>(meet(site, mask, predicate, kNone));
}

void sync_warp(Site& site, unsigned mask) {
    const Unwatched quiet;
    if (!reached(site).off) meet(site, mask, 0, lane());
}

void maybe_yield() {
    const Unwatched quiet;
    if (settings().schedule == Schedule::random && random_below(4) == 0) wait();
}

}  // namespace moco::cuda::emulated
