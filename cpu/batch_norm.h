// What the two halves of batch normalisation share: how rows are widened and how sums are cut into units.
#pragma once

#include <algorithm>

#include "core/dims.h"
#include "core/parallel.h"
#include "cpu/memory.h"

namespace moco::cpu {

/// Neighbouring pixels taken as one row of `fold` times as many channels, so that any C fills vectors: where HW allows
/// it, the widest rows are a multiple of 16 and at least 64. Parameters are repeated `fold` times, sums folded back.
struct FoldedRows {
    int64_t fold = 1;
    int64_t rows = 0;   // per sample: HW / fold
    int64_t width = 0;  // C * fold
};

inline FoldedRows fold_rows(const BatchNormDims& d) {
    FoldedRows folded{1, d.HW, d.C};
    for (int64_t fold = 1; fold <= 64 && fold <= d.HW && folded.width < 64; ++fold) {
        if (d.HW % fold == 0 && d.C * fold % 16 == 0) folded = {fold, d.HW / fold, d.C * fold};
    }
    return folded;
}

/// The samples of each split cut into `parts` runs, so that all splits together make at most kMaxPartials partial sums
/// (or one a split). Unit u is part u / S of split u % S.
struct BatchNormUnits {
    int64_t S, samples, parts, samples_per_part;

    explicit BatchNormUnits(const BatchNormDims& d)
        : S(d.S),
          samples(d.samples_per_split()),
          parts(std::clamp<int64_t>(kMaxPartials / d.S, 1, samples)),
          samples_per_part((samples + parts - 1) / parts) {}

    int64_t count() const { return S * parts; }
    int64_t split(int64_t unit) const { return unit % S; }
    /// The unit's samples are n = split + S * j for j in [begin, end).
    int64_t begin(int64_t unit) const { return std::min(samples, unit / S * samples_per_part); }
    int64_t end(int64_t unit) const { return std::min(samples, begin(unit) + samples_per_part); }
};

/// Where the two sums of one split's units lie: of x and x * x, or of g and g * (x - mean). Each unit's are
/// 2 x width, `step` apart.
struct UnitSums {
    const double* partials;
    int64_t parts, step, width, C;

    /// Sums that are complete: S x 2 x C.
    UnitSums(const double* all, int64_t split, int64_t channels)
        : partials(all + split * 2 * channels), parts(1), step(0), width(channels), C(channels) {}
    UnitSums(const BatchNormUnits& units, const FoldedRows& folded, int64_t channels, const double* all, int64_t split)
        : partials(all + split * 2 * folded.width),
          parts(units.parts),
          step(units.S * 2 * folded.width),
          width(folded.width),
          C(channels) {}
};

/// The arguments of Backend::batch_norm_forward.
struct BatchNormForward {
    const BatchNormDims& d;
    const BatchNormOptions& options;
    const void* x;
    const float *gamma, *beta;
    const void* residual;
    float *running_mean, *running_var, *mean, *inv_std;
    void* y;
    uint8_t* signs;
};

/// What it does, given the sums of x and of its squares: S x 2 x C.
void batch_norm_forward_with_sums(MemoryPool& memory, const BatchNormForward& f, const double* sums);

enum class Access { read, write };

/// Asks for sample n, of `count` elements, to be read or written, ahead of its use. The samples of a split lie apart,
/// and at each the processor would begin anew to find out what comes next; of large ones that does not show.
template <Access access>
inline void fetch_sample(DType dtype, const void* samples, int64_t n, int64_t count) {
    constexpr int64_t kLargest = 1 << 13, kLine = 64;
    const int64_t bytes = count * static_cast<int64_t>(size_of(dtype));
    if (samples == nullptr || bytes > kLargest) return;
    const char* sample = static_cast<const char*>(samples) + n * bytes;
    for (int64_t i = 0; i < bytes; i += kLine) __builtin_prefetch(sample + i, access == Access::write ? 1 : 0, 2);
}

/// The signs (a bit an element) from element i on, a multiple of 8; null stays null.
template <typename Byte>
Byte* signs_of(Byte* signs, int64_t i) {
    return signs == nullptr ? nullptr : signs + i / 8;
}

/// Fills the rest of `rows` rows of `width` with repetitions of their first C values.
inline void repeat_channels(float* values, int64_t rows, const FoldedRows& folded, int64_t C) {
    for (int64_t r = 0; r < rows; ++r) {
        float* row = values + r * folded.width;
        for (int64_t f = 1; f < folded.fold; ++f) std::copy_n(row, C, row + f * C);
    }
}

}  // namespace moco::cpu
