// Data races within a launch, found by watching every access. Kernels compiled with -fsanitize=thread, but linked
// without that sanitizer's library, call __tsan_read4 and the like before each access; race_callbacks.cpp defines them.
//
// Two accesses to one byte by different threads, one of them a write and not both atomic, need an order. There is none
// between blocks. Within a block __syncthreads makes one: all threads enter a new interval. Within a warp __syncwarp
// does (of all its lanes). Shuffles and votes do not order memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace moco::cuda::emulated {

enum class Access { read, write, atomic };

/// True while a kernel's own code runs in this thread of the host: the callbacks ignore everything else.
extern thread_local constinit bool watching;
/// Whether any code was compiled so that it calls them.
bool races_are_watched();
void watch_races();

// ---- what happens, told by block.cpp ----
void race_launch();
void race_block();
void race_barrier();
void race_warp_barrier(int warp);

/// An access of the running thread from the code at `where`; a race, or memory that no kernel may touch, is a fault of
/// the kernel.
void check_access(const void* memory, size_t bytes, Access access, const void* where);

/// Around an atomic operation of the running thread.
void begin_atomic(const void* memory, size_t bytes);
void end_atomic();

/// From its construction on to its end the running kernel's accesses are the device's own business.
class Unwatched {
  public:
    Unwatched() { watching = false; }
    Unwatched(const Unwatched&) = delete;
    Unwatched& operator=(const Unwatched&) = delete;
    ~Unwatched() { watching = true; }
};

}  // namespace moco::cuda::emulated
