// The ways to resample an axis. Antialiased: a triangle as wide as the step between outputs (torchvision's
// interpolate with antialias=True). Reflecting: two neighbours at a mirrored coordinate (grid_sample with
// padding_mode="reflection", align_corners=False). Padded: the triangle, with pixels of value 0 beyond the ends.
#include "core/augment_taps.h"

#include <algorithm>
#include <cmath>

namespace moco {
namespace {

/// The part of the axis that is seen. Pixels that only partly lie in it count with that part.
struct Range {
    double low, high;

    int64_t first_pixel() const { return static_cast<int64_t>(std::floor(low)); }
    int64_t end_pixel() const { return static_cast<int64_t>(std::ceil(high)); }
    double share_of(int64_t pixel) const {
        const auto x = static_cast<double>(pixel);
        return std::min(x + 1, high) - std::max(x, low);
    }
};

/// The triangle around one output: the pixels [first, last) under it.
struct Triangle {
    double center, support;
    int64_t first, last;

    double height(int64_t x) const {
        return std::max(0.0, 1.0 - std::abs(static_cast<double>(x) + 0.5 - center) / support);
    }
};

Triangle triangle_of(int64_t output, double begin, double scale, Range seen) {
    const double center = begin + scale * (static_cast<double>(output) + 0.5), support = std::max(scale, 1.0);
    // At the far end of a fractional crop rounding must not leave the window empty.
    const int64_t first =
        std::clamp(static_cast<int64_t>(std::floor(center - support + 0.5)), seen.first_pixel(), seen.end_pixel() - 1);
    const int64_t last =
        std::clamp(static_cast<int64_t>(std::floor(center + support + 0.5)), first + 1, seen.end_pixel());
    return {center, support, first, last};
}

void plan_antialias(AxisTaps& plan, Range seen, double begin, double length, int64_t size) {
    const double scale = length / static_cast<double>(size);
    plan.taps = 1;
    for (int64_t i = 0; i < size; ++i) {
        const Triangle triangle = triangle_of(i, begin, scale, seen);
        plan.taps = std::max(plan.taps, triangle.last - triangle.first);
    }
    plan.start.resize(static_cast<size_t>(size));
    plan.weight.assign(static_cast<size_t>(size * plan.taps), 0.0f);
    for (int64_t i = 0; i < size; ++i) {
        const Triangle triangle = triangle_of(i, begin, scale, seen);
        // All windows have plan.taps weights: those near the end start earlier, with zeros in front.
        const int64_t start = std::min(triangle.first, seen.end_pixel() - plan.taps);
        plan.start[static_cast<size_t>(i)] = start;
        float* weight = &plan.weight[static_cast<size_t>(i * plan.taps)];
        double sum = 0;
        for (int64_t x = triangle.first; x < triangle.last; ++x) sum += triangle.height(x) * seen.share_of(x);
        for (int64_t x = triangle.first; x < triangle.last; ++x) {
            const double share = sum > 0 ? triangle.height(x) * seen.share_of(x) / sum : x == triangle.first;
            weight[x - start] = static_cast<float>(share);
        }
    }
}

void plan_padded(AxisTaps& plan, int64_t extent, double begin, double length, int64_t size) {
    const double scale = length / static_cast<double>(size), support = std::max(scale, 1.0);
    plan.taps = std::min(extent, static_cast<int64_t>(std::ceil(2 * support)) + 1);
    plan.start.resize(static_cast<size_t>(size));
    plan.weight.assign(static_cast<size_t>(size * plan.taps), 0.0f);
    for (int64_t i = 0; i < size; ++i) {
        const double center = begin + scale * (static_cast<double>(i) + 0.5);
        const auto first = static_cast<int64_t>(std::floor(center - support + 0.5));
        const auto last = static_cast<int64_t>(std::floor(center + support + 0.5));
        const Triangle triangle = {center, support, first, last};
        double sum = 0;
        for (int64_t x = first; x < last; ++x) sum += triangle.height(x);
        const int64_t start = std::clamp<int64_t>(first, 0, extent - plan.taps);
        plan.start[static_cast<size_t>(i)] = start;
        float* weight = &plan.weight[static_cast<size_t>(i * plan.taps)];
        for (int64_t x = std::max<int64_t>(first, 0); x < std::min(last, extent); ++x) {
            weight[x - start] = static_cast<float>(triangle.height(x) / sum);
        }
    }
}

double reflected(double x, double extent) {
    const double from_edge = std::abs(x + 0.5);
    const double extra = std::fmod(from_edge, extent);
    const bool mirrored = std::fmod(std::floor(from_edge / extent), 2.0) != 0;
    return std::clamp((mirrored ? extent - extra : extra) - 0.5, 0.0, extent - 1);
}

void plan_reflect(AxisTaps& plan, int64_t extent, double begin, double length, int64_t size) {
    plan.taps = std::min<int64_t>(2, extent);
    plan.start.resize(static_cast<size_t>(size));
    plan.weight.assign(static_cast<size_t>(size * plan.taps), 0.0f);
    for (int64_t i = 0; i < size; ++i) {
        const double x = begin + (static_cast<double>(i) + 0.5) * length / static_cast<double>(size) - 0.5;
        const double inside = reflected(x, static_cast<double>(extent));
        const int64_t start = std::min(static_cast<int64_t>(inside), extent - plan.taps);
        float* weight = &plan.weight[static_cast<size_t>(i * plan.taps)];
        const auto fraction = static_cast<float>(inside - static_cast<double>(start));
        weight[0] = 1 - fraction;
        if (plan.taps == 2) weight[1] = fraction;
        plan.start[static_cast<size_t>(i)] = start;
    }
}

void reverse_outputs(AxisTaps& plan) {
    std::reverse(plan.start.begin(), plan.start.end());
    const auto size = static_cast<int64_t>(plan.start.size());
    for (int64_t i = 0; i < size / 2; ++i) {
        std::swap_ranges(plan.weight.begin() + i * plan.taps, plan.weight.begin() + (i + 1) * plan.taps,
                         plan.weight.begin() + (size - 1 - i) * plan.taps);
    }
}

}  // namespace

void plan_axis(AxisTaps& plan, CropSampling sampling, double begin, double length, int64_t extent, int64_t size,
               Direction direction) {
    if (sampling == CropSampling::reflect) {
        plan_reflect(plan, extent, begin, length, size);
    } else if (sampling == CropSampling::padded) {
        plan_padded(plan, extent, begin, length, size);
    } else {
        Range seen = {0, static_cast<double>(extent)};
        if (sampling == CropSampling::antialias) {
            seen.low = std::clamp(begin, 0.0, static_cast<double>(extent - 1));
            seen.high = std::clamp(begin + length, seen.low + 1e-6, static_cast<double>(extent));
        }
        plan_antialias(plan, seen, begin, length, size);
    }
    const auto [low, high] = std::minmax_element(plan.start.begin(), plan.start.end());
    plan.low = *low;
    plan.high = *high + plan.taps;
    if (direction == Direction::reversed) reverse_outputs(plan);
}

}  // namespace moco
