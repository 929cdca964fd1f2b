#include "cuda/emulated/threads.h"

namespace moco::cuda::emulated {

void Turns::begin(int threads) {
    warps.assign(static_cast<size_t>(threads + kLanes - 1) / kLanes, {~0u, 0});
    if (threads % kLanes) warps.back().ready = (1u << threads % kLanes) - 1;
    restart();
}

void Turns::restart() {
    const int count = static_cast<int>(warps.size());
    switch (settings().schedule) {
        case Schedule::in_order:
            warp_ = 0;
            break;
        case Schedule::reversed:
            warp_ = count - 1;
            break;
        case Schedule::random:
            warp_ = static_cast<int>(random_below(static_cast<uint32_t>(count)));
            break;
    }
    lane_ = kNone;
}

int Turns::next() {
    const bool hop = settings().schedule == Schedule::random && random_below(8) == 0;
    if (hop || !warps[static_cast<size_t>(warp_)].ready) {
        const int to = next_warp();
        if (to == kNone) return kNone;
        warp_ = to;
        lane_ = kNone;
    }
    lane_ = next_lane(warps[static_cast<size_t>(warp_)].ready);
    return warp_ * kLanes + lane_;
}

// The first one with something to do, from behind the present one round to that itself.
int Turns::next_warp() const {
    const int count = static_cast<int>(warps.size());
    const int step = settings().schedule == Schedule::reversed ? count - 1 : 1;
    const int skipped =
        settings().schedule == Schedule::random ? static_cast<int>(random_below(static_cast<uint32_t>(count))) : 0;
    for (int i = 1, warp = (warp_ + skipped) % count; i <= count; ++i) {
        warp = (warp + step) % count;
        if (warps[static_cast<size_t>(warp)].ready) return warp;
    }
    return kNone;
}

int Turns::next_lane(unsigned ready) const {
    if (settings().schedule == Schedule::in_order) {
        const unsigned above = lane_ == kNone || lane_ == kLanes - 1 ? 0 : ready & ~0u << (lane_ + 1);
        return std::countr_zero(above ? above : ready);
    }
    if (settings().schedule == Schedule::reversed) {
        const unsigned below = lane_ == kNone ? 0 : ready & ((1u << lane_) - 1);
        return kLanes - 1 - std::countl_zero(below ? below : ready);
    }
    for (uint32_t skipped = random_below(static_cast<uint32_t>(std::popcount(ready))); skipped; --skipped)
        ready &= ready - 1;
    return std::countr_zero(ready);
}

}  // namespace moco::cuda::emulated
