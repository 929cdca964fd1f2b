// Which source pixels make one output pixel along one axis, and with which weights: the plan of a separable resampling.
#pragma once

#include <cstdint>
#include <vector>

#include "core/augment.h"

namespace moco {

/// Output i is the sum over t < taps of weight[i * taps + t] * source[start[i] + t]. All of it lies within the axis.
struct AxisTaps {
    int64_t taps = 0;
    std::vector<int64_t> start;
    std::vector<float> weight;
    int64_t low = 0, high = 0;  // the source range [low, high) that is read
};

enum class Direction { forward, reversed };

/// Plans the resampling of [begin, begin + length) of an axis with `extent` pixels to `size` outputs; reversed mirrors
/// the outputs. Reuses the plan's memory.
void plan_axis(AxisTaps& plan, CropSampling sampling, double begin, double length, int64_t extent, int64_t size,
               Direction direction);

}  // namespace moco
