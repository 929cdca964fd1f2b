// The shared memory of the block that runs: every array apart, between red zones.
#pragma once

#include <cstddef>
#include <string>

#include "cuda/emulated/site.h"

namespace moco::cuda::emulated {

inline constexpr size_t kSharedBytes = 48 << 10;       // what a block may have without asking for more
inline constexpr size_t kMostSharedBytes = 163 << 10;  // and what a kernel may ask for

/// Empties the arena and lays the launch's own bytes out.
void begin_shared(size_t dynamic_bytes);
/// What writes into red zones there were, in words; "" if there were none.
const char* end_shared();

/// The array of this site, the same for all threads of a block; filled with NaN patterns.
void* shared_array(Site& site, size_t bytes, size_t alignment);
/// Where all of it lies.
struct SharedArena {
    const char* begin;
    size_t bytes;

    bool holds(const void* memory) const { return memory >= begin && memory < begin + bytes; }
};
SharedArena shared_arena();
/// Whether [memory, memory + bytes) lies within one array of the running block.
bool in_shared_array(const void* memory, size_t bytes);
/// An address within the arena in words.
std::string describe_shared(const void* memory);
/// The launch's own shared bytes, aligned to 16.
void* dynamic_shared();

}  // namespace moco::cuda::emulated
