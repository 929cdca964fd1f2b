// One launch on the emulated device: its blocks one after the other, each block's threads as fibers that wait for each
// other at barriers and exchanges. Who goes first is the schedule's choice (settings.h).
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "cuda/emulated/site.h"

namespace moco::cuda::emulated {

/// What a kernel is run with.
struct Kernel {
    std::string name;
    dim3 grid, block;
    size_t shared_bytes;               // that the launch asked for
    size_t shared_limit;               // of static and dynamic shared memory together
    void (*run)(const void* call);     // one thread
    std::shared_ptr<const void> call;  // the arguments
    size_t call_bytes;
};

/// Runs a kernel to its end. Throws Error, naming kernel, block and thread, where it breaks a rule. One at a time.
void run_kernel(const Kernel& kernel);

/// Ends the running kernel with an Error: its name and place, then `what`. From within a thread of it: unwinds that.
[[noreturn]] void kernel_fault(const std::string& what);
/// The same where the code between here and the kernel cannot be unwound: leaves its stack as it is.
[[noreturn]] void abandon_kernel(const std::string& what);
/// The shared memory that a block of the running kernel may have.
size_t dynamic_limit();

/// Which thread of its block runs.
int current_thread();
/// Whether the address is the running thread's own: a local variable.
bool in_own_stack(const void* memory);
/// Whether it is among the running kernel's arguments.
bool is_kernel_argument(const void* memory);

// ---- what the threads of a block call ----

/// __syncthreads; returns for how many threads `predicate` holds.
int barrier(Site& site, bool predicate = false);
/// A rendezvous of the lanes of `mask`: gives `value`, takes that of `source_lane`. A lane that is not of the mask
/// gives a NaN pattern.
uint64_t exchange(Site& site, unsigned mask, uint64_t value, int source_lane);
/// A rendezvous of the lanes of `mask`: those for which `predicate` holds.
unsigned vote(Site& site, unsigned mask, bool predicate);
/// __syncwarp.
void sync_warp(Site& site, unsigned mask = 0xffffffffu);
/// The lane of the running thread.
int lane();
/// Lets other threads go first, now and then, under the random schedule.
void maybe_yield();

}  // namespace moco::cuda::emulated
