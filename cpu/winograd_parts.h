// How the tiles of Winograd's convolutions are cut into pieces of work: neighbouring pieces have neighbouring images,
// as in all other operations, so that a core finds in its cache what it computed of them before.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/dims.h"
#include "core/parallel.h"
#include "cpu/partials.h"
#include "cpu/scratch.h"
#include "cpu/winograd.h"
#include "cpu/winograd_tiles.h"

namespace moco::cpu {

/// The input channels, of a panel's K, whose weights are transformed together.
inline constexpr int64_t kWeightDepth = 16;

/// Calls transform(panel, k) for the input channels k, k + 1, ... (kWeightDepth of them) of each panel's weights in
/// parallel, so that one panel is work for all cores.
template <typename Transform>
void for_each_weight_part(int64_t panels, int64_t K, const Transform& transform) {
    const int64_t parts = divide_up(K, kWeightDepth);
    parallel_for(panels * parts, 1,
                 [&](int64_t part, int64_t) { transform(part / parts, part % parts * kWeightDepth); });
}

/// A power of two of pieces, at most `pieces` of them and 1..most: threads have equal shares of the usual batches.
inline int64_t equal_pieces(int64_t pieces, int64_t most) {
    return static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(std::clamp<int64_t>(pieces, 1, most))));
}

/// The images [begin, end), a convolution of their own.
struct ImageGroup {
    int64_t begin, end;
};

/// How the images are cut into groups, and the tiles of each into runs.
struct GroupsAndRuns {
    int64_t groups, runs;

    GroupsAndRuns(const TileGrid& grid, int64_t block) {
        constexpr int64_t kMaxPieces = 32;
        constexpr int64_t kGroupBlocks = 4;  // at least: with fewer, too many blocks would have tiles of several kinds
        groups = equal_pieces(grid.count() / (kGroupBlocks * block), std::min(grid.N, kMaxPieces));
        runs = std::clamp<int64_t>(grid.count() / groups / block, 1, kMaxPieces / groups);
    }
};

/// Cuts the images into groups and the tiles of each group into runs, and calls convolve_run(group, run, runs) for each
/// in parallel. `block` tiles go through everything together. Tiles are counted kind by kind, each through all images
/// of a group.
template <typename ConvolveRun>
void for_each_run(const TileGrid& grid, int64_t block, const ConvolveRun& convolve_run) {
    const GroupsAndRuns cut(grid, block);
    const int64_t groups = cut.groups, runs = cut.runs;
    parallel_for(groups * runs, 1, [&](int64_t piece, int64_t) {
        const int64_t group = piece / runs;
        convolve_run(ImageGroup{grid.N * group / groups, grid.N * (group + 1) / groups}, piece % runs, runs);
    });
}

/// The sums of a run's images, zeroed, in those of all runs (runs x N x 2 x M); null stays null.
inline double* begin_sums(double* of_images, int64_t N, int64_t M, ImageGroup images, int64_t run) {
    if (of_images == nullptr) return nullptr;
    double* sums = of_images + (run * N + images.begin) * 2 * M;
    std::fill_n(sums, (images.end - images.begin) * 2 * M, 0.0);
    return sums;
}

/// Calls convolve(of_images) with memory for the sums of each image's results in each run, runs x N x 2 x OC, where
/// `block` tiles go through everything together, and adds them up by splits.
template <typename Convolve>
void sum_results(const Conv2dDims& d, int64_t block, const ResultSums& result, const Convolve& convolve) {
    const int64_t images = GroupsAndRuns({d.N, d.OH(), d.OW()}, block).runs * d.N, values = 2 * d.OC;
    double* sums = scratch_doubles(ScratchUse::result_sums, images * values);
    convolve(sums);
    std::fill_n(result.sums, result.S * values, 0.0);
    for (int64_t i = 0; i < images; ++i, sums += values) {
        double* of_split = result.sums + i % d.N % result.S * values;
        for (int64_t value = 0; value < values; ++value) of_split[value] += sums[value];
    }
}

/// The transformed weights of a convolution: `floats` of them, for `panels` panels of K input channels.
struct WeightSize {
    int64_t floats, panels, K;
};

/// for_each_run with weights that transform(panel, k, weights) makes as in for_each_weight_part; calls
/// convolve_run(group, run, runs, weights). Of few weights every thread makes all for itself, and of more that each
/// uses for many tiles: what several write and all read goes from cache to cache line by line, which takes longer than
/// the transform where caches are far apart. Whoever makes them, they are the same.
template <typename Transform, typename ConvolveRun>
void for_each_run(const TileGrid& grid, int64_t block, const WeightSize& size, const Transform& transform,
                  const ConvolveRun& convolve_run) {
    constexpr int64_t kFewFloats = 1 << 18, kOwnFloats = 1 << 20, kManyTiles = 1024;
    const int64_t most = grid.count() < kManyTiles * threads() ? kFewFloats : kOwnFloats;
    if (size.floats > most) {
        float* weights = scratch(ScratchUse::winograd_weight, size.floats);
        for_each_weight_part(size.panels, size.K, [&](int64_t panel, int64_t k) { transform(panel, k, weights); });
        for_each_run(grid, block,
                     [&](ImageGroup images, int64_t run, int64_t runs) { convolve_run(images, run, runs, weights); });
        return;
    }
    const uint64_t job = new_job();
    for_each_run(grid, block, [&](ImageGroup images, int64_t run, int64_t runs) {
        const auto [weights, filled] = scratch_of_job(ScratchUse::winograd_weight, size.floats, job);
        for (int64_t panel = 0; !filled && panel < size.panels; ++panel)
            for (int64_t k = 0; k < size.K; k += kWeightDepth) transform(panel, k, weights);
        convolve_run(images, run, runs, weights);
    });
}

/// Up to so many weights of a tap, their gradient is summed part by part, each with a sum of its own. More are cut into
/// blocks, and every core reads what the others have transformed: where caches are far apart that takes long.
inline constexpr int64_t kPartWeights = 160 * 160;

inline bool sum_by_parts(const Conv2dDims& d) {
    return d.IC * d.OC <= kPartWeights;
}

/// A part's sum is over the tiles [begin, end) of its images, a convolution of their own. T: float or bf16's bits.
template <typename T>
struct TilePart {
    Conv2dDims d;
    const T* x;
    const T* dy;
    int64_t begin, end;
};

/// Neighbouring tiles, [begin, begin + tiles), in the fewest equal chunks of at most `most`.
struct TileChunks {
    int64_t begin, tiles, count;

    TileChunks(int64_t first, int64_t end, int64_t most)
        : begin(first), tiles(end - first), count(divide_up(tiles, most)) {}
    int64_t largest() const { return divide_up(tiles, count); }
    /// The first tile of chunk i; of i = count: the end.
    int64_t begin_of(int64_t i) const { return begin + tiles * i / count; }
};

/// Where the transformed tiles of a chunk lie: points x panels of kWidth channels x tiles x kWidth.
template <int64_t kAllPoints, int64_t kWidth>
struct TileLayout {
    int64_t channels, tiles;

    int64_t panels() const { return divide_up(channels, kWidth); }
    int64_t panel_step() const { return tiles * kWidth + 16; }  // not a power of two: other cache sets
    int64_t point_step() const { return panels() * panel_step(); }
    int64_t count() const { return kAllPoints * point_step(); }
    int64_t place(int64_t tile, int64_t c) const { return c / kWidth * panel_step() + tile * kWidth + c % kWidth; }
};

/// dweight = the sum over all tiles, in at most kMaxPartials parts of at least about `least` tiles that are added in
/// order; sum_part(part, dweight) computes one. Parts are neighbouring images where there are enough, else neighbouring
/// tiles. A single one, for few tiles or more weights than are summed by parts, may use all threads.
template <typename T, typename SumPart>
void sum_parts(const Conv2dDims& d, const T* x, const T* dy, int64_t least, float* dweight, const SumPart& sum_part) {
    const int64_t tiles = TileGrid{d.N, d.OH(), d.OW()}.count(), count = d.weight_count();
    const int64_t parts = sum_by_parts(d) ? equal_pieces(tiles / least, kMaxPartials) : 1;
    float* partials = parts == 1 ? dweight : scratch(ScratchUse::partials, parts * count);
    parallel_for(parts, 1, [&](int64_t i, int64_t) {
        TilePart<T> part{d, x, dy, tiles * i / parts, tiles * (i + 1) / parts};
        if (d.N >= parts) {
            const int64_t first = d.N * i / parts;
            part.d.N = d.N * (i + 1) / parts - first;
            part.x += first * d.H * d.W * d.IC;
            part.dy += first * d.OH() * d.OW() * d.OC;
            part.begin = 0;
            part.end = tiles / d.N * part.d.N;
        }
        sum_part(part, partials + i * count);
    });
    if (parts > 1) add_partials(partials, parts, count, dweight);
}

}  // namespace moco::cpu
