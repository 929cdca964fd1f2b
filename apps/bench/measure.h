// Clocks and peaks: what the figures of `moco bench` are made of.
#pragma once

#include <cstdint>
#include <functional>

#include "core/backend.h"

namespace moco::apps {

/// Seconds of a clock that only goes forward.
double now();

/// The most memory this process ever held, MiB.
double peak_mib();

struct Times {
    double best_ms = 0, median_ms = 0;  // of one call
};

/// Times work(), `repeats` times after a warm-up; short work is called several times in a row each time. Waits for the
/// backend before the clock is read.
Times time_calls(Backend& backend, int64_t repeats, const std::function<void()>& work);

/// What the machine can do at most with the threads and the instruction set in use, measured now.
struct Peaks {
    double gflops = 0;   // f32 multiply-adds, two operations each, between registers
    double copy_gb = 0;  // GB/s of a copy from memory to memory: what is read and what is written
};
/// Of the backend's device; where that is not the processor, what it reaches with a large f32 product and a large copy.
Peaks measure_peaks(Backend& backend);

}  // namespace moco::apps
