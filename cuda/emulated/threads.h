// The threads of the block that runs: where each stands, and who runs next.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "cuda/emulated/settings.h"
#include "cuda/emulated/site.h"

namespace moco::cuda::emulated {

inline constexpr int kLanes = 32;
inline constexpr int kNone = -1;

class Fiber;

struct Thread {
    enum class State : uint8_t { fresh, runnable, at_barrier, in_exchange, exited };
    State state = State::fresh;
    uint3 index{};
    Fiber* fiber = nullptr;  // that holds its suspended stack
    const Site* site = nullptr;
    unsigned mask = 0;    // of the exchange it waits in
    int source_lane = 0;  // whose value it takes there
    uint64_t value = 0;   // that it gives there
    uint64_t result = 0;
};

struct Warp {
    unsigned ready = 0;       // lanes that can run
    unsigned exchanging = 0;  // lanes that wait in an exchange
};

/// Whose turn it is: warp by warp, each as far as it comes; under the random schedule also in between.
class Turns {
  public:
    /// A block of `threads` threads, all of them fresh.
    void begin(int threads);
    /// After a barrier: from the first warp again.
    void restart();
    void set_ready(int thread) { warps[static_cast<size_t>(thread) / kLanes].ready |= 1u << thread % kLanes; }
    void set_waiting(int thread) { warps[static_cast<size_t>(thread) / kLanes].ready &= ~(1u << thread % kLanes); }
    /// The thread to run next; kNone if none can.
    int next();

    std::vector<Warp> warps;

  private:
    int next_warp() const;
    int next_lane(unsigned ready) const;

    int warp_ = 0;
    int lane_ = kNone;  // that ran last; kNone: none in this warp yet
};

}  // namespace moco::cuda::emulated
