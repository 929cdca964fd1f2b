// How the emulated device runs: from the environment when it is first used, or from a test.
//
//     MOCO_EMULATED_SCHEDULE=in-order|reversed|random   the order of threads, warps, blocks and streams
//     MOCO_EMULATED_SEED=N                              of the random schedule; without it a new one, printed
//     MOCO_EMULATED_MEMORY=BYTES                        the device's memory; 8 GiB
//     MOCO_EMULATED_FAIL=malloc:N,launch:N,library:N    the Nth such call fails, from 1
//     MOCO_EMULATED_SITE_OFF=FILE:LINE                  barriers and exchanges there do nothing
//     MOCO_EMULATED_LEAKS=fail                          leaks end the program with status 23
//     MOCO_EMULATED_SITES=FILE                          adds the barriers and exchanges that were reached to FILE
#pragma once

#include <cstddef>
#include <cstdint>

namespace moco::cuda::emulated {

enum class Schedule { in_order, reversed, random };

struct Settings {
    Schedule schedule = Schedule::in_order;
    uint64_t seed = 0;
    size_t memory_bytes = size_t{8} << 30;
};

/// Changing them while work is pending is a test's own risk.
Settings& settings();

/// The next number of the device's own generator (not for anything that counts as randomness elsewhere).
uint32_t next_random();
/// The same below `count`.
inline uint32_t random_below(uint32_t count) {
    return static_cast<uint32_t>(uint64_t{next_random()} * count >> 32);
}
/// Starts the generator anew.
void set_schedule(Schedule schedule, uint64_t seed = 0);

}  // namespace moco::cuda::emulated
