// Winograd's convolution with stride 2 forward, and backward for the data (the filtering: winograd_strided-inl.h).
//
// Forward, the transformed phases of a tile lie behind each other at each point, as the weights do: a product sums over
// all phases at once. Backward for the data, one transformed tile of dy is multiplied by the weights of each phase for
// itself. The work is cut as in winograd_forward.cpp: by blocks of tiles, or by panels of result channels where the
// weights outweigh the images.
#include <algorithm>
#include <array>

#include "core/parallel.h"
#include "cpu/scratch.h"
#include "cpu/winograd.h"
#include "cpu/winograd_parts.h"
#include "cpu/winograd_strided.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/winograd_strided_forward.cpp"  // this file
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"
#include "cpu/winograd_strided-inl.h"
#include "cpu/winograd_sums-inl.h"
#include "cpu/winograd_tiles.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Floats beyond the values of a row, a point or a panel, so that they do not fall into the same cache sets; a whole
/// vector, so that the last one of a row may be stored.
constexpr int64_t kPad = 16;
/// Tiles that go through everything together: whole micro-tiles, about a dozen, two dozen where their input is small.
constexpr int64_t kFewTiles = divide_up(12, kMaxRows) * kMaxRows, kManyTiles = 2 * kFewTiles;
constexpr int64_t kBlockFloats = 1 << 17;

/// How often each point counts in memory: forward once for each phase that it has, backward for the data once.
struct PointTable {
    std::array<int64_t, kStridedPoints + 1> before{};  // the sum of the points before
    int64_t at(int point) const { return before[static_cast<size_t>(point) + 1] - before[static_cast<size_t>(point)]; }
};
constexpr PointTable point_table(bool phases_together) {
    PointTable table;
    for (int point = 0; point < kStridedPoints; ++point)
        table.before[static_cast<size_t>(point) + 1] =
            table.before[static_cast<size_t>(point)] + (phases_together ? phases_before(kPhases, point) : 1);
    return table;
}

/// From K to M channels: forward K = IC, M = OC, input x, result y; backward for the data K = OC, M = IC, from dy to
/// dx.
struct Problem {
    ConvPass pass;
    TileGrid grid;  // of y and dy
    int64_t H, W;   // of x and dx
    int64_t K, M;
    const float* input;
    const float* weight;  // OC,3,3,IC
    float* result;
    double* sums = nullptr;  // or null; forward, N x 2 x M: each image's sums of the results and of their squares
    PointTable points = point_table(pass == ConvPass::forward);
    NeededTiles needed{grid, kStridedAlong, needs_strided_point};

    bool forward() const { return pass == ConvPass::forward; }
    /// Backward for the data, those of each pair of phases follow each other.
    int64_t panels() const { return (forward() ? 1 : kPhases) * panel_count(M); }
    int64_t first_channel(int64_t panel) const { return panel % panel_count(M) * kPanel; }
    int64_t columns(int64_t panel) const { return std::min(kPanel, M - first_channel(panel)); }
    int phase(int64_t panel) const { return static_cast<int>(panel / panel_count(M)); }
    bool has(int64_t panel, int point) const { return forward() || has_point(phase(panel), point); }

    int64_t depth(int point) const { return points.at(point) * K; }
    int64_t u_point(int point) const { return points.before[static_cast<size_t>(point)] * K * kPanel + point * kPad; }
    int64_t u_panel() const { return u_point(kStridedPoints); }
    int64_t v_row(int point) const { return depth(point) + kPad; }
    int64_t v_point(int point, int64_t tiles) const {
        return tiles * (points.before[static_cast<size_t>(point)] * K + point * kPad) + point * kPad;
    }
    int64_t v_size(int64_t tiles) const { return v_point(kStridedPoints, tiles); }
    int64_t block_tiles() const { return v_size(kManyTiles) <= kBlockFloats ? kManyTiles : kFewTiles; }
};

/// u (laid out as Problem::u_point tells) = a pair of phases' transformed weights, at the points that it has, of the
/// `depth` input channels from k on, which `stage` (9 taps x depth x kPanel) holds.
template <Phase row, Phase column>
void transform_phase_weights(const Problem& p, const float* stage, int64_t depth, int64_t k, float* u) {
    constexpr int index = phase_index(row, column);
    const bool turned = !p.forward();
    const int64_t step = depth * kPanel;
    for (int64_t i = 0; i < step; i += kLanes)
        transform_axes<taps_of(row), taps_of(column), points_of(row), points_of(column)>(
            [](const auto& in, auto& out) HWY_ATTR { strided_weight(in, out); },
            [](const auto& in, auto& out) HWY_ATTR { strided_weight(in, out); },
            [=](int h, int w) HWY_ATTR {
                return hn::LoadU(FloatTag(),
                                 stage + (tap_of(row, h, turned) * 3 + tap_of(column, w, turned)) * step + i);
            },
            [&](int h, int w, FloatVector value) HWY_ATTR {
                const int point = h * kStridedAlong + w;
                const int64_t before = p.forward() ? phases_before(index, point) : 0;
                hn::StoreU(value, FloatTag(), u + p.u_point(point) + (before * p.K + k) * kPanel + i);
            });
}

/// u = a panel's transformed weights, of the channels from k on.
void transform_weights(const Problem& p, int64_t panel, int64_t k, float* u) {
    HWY_ALIGN float stage[9 * kWeightDepth * kPanel];
    const int64_t m = p.first_channel(panel), depth = std::min(kWeightDepth, p.K - k);
    for (int64_t tap = 0; tap < 9; ++tap) {
        float* to = stage + tap * depth * kPanel;
        if (p.forward()) {
            pack_panel_transposed(p.weight + (m * 9 + tap) * p.K + k, 9 * p.K, depth, p.columns(panel), to);
        } else {
            pack_panel(p.weight + (k * 9 + tap) * p.M + m, 9 * p.M, depth, p.columns(panel), to);
        }
    }
    for_each_phase([&](auto row, auto column) {
        if (p.forward() || p.phase(panel) == phase_index(row, column))
            transform_phase_weights<row(), column()>(p, stage, depth, k, u);
    });
}

/// One vector of channels of a tile's transformed phase. Not inlined, as scatter_vector.
template <Phase row, Phase column, typename Access>
HWY_NOINLINE void scatter_phase(const float* const* pixels, int64_t c, const int64_t* points, int64_t rows,
                                int64_t columns, float* v, const Access access) {
    constexpr int kRows = points_of(row), kColumns = points_of(column);
    transform_axes<kRows, kColumns, kRows, kColumns>(
        [=](const auto& in, auto& out) HWY_ATTR { strided_input(in, out, rows); },
        [=](const auto& in, auto& out) HWY_ATTR { strided_input(in, out, columns); },
        [=](int h, int w) HWY_ATTR { return access.load(pixels[h * kColumns + w] + c); },
        [=](int h, int w, FloatVector value)
            HWY_ATTR { hn::StoreU(value, FloatTag(), v + points[h * kStridedAlong + w] + c); });
}

/// v = the transformed tiles [begin, end), in rows that count from tile `origin`, `tiles` rows a point.
void transform_input(const Problem& p, int64_t begin, int64_t end, float* v, int64_t origin, int64_t tiles) {
    const float* outside = zeros(p.K);
    TileCursor cursor(p.grid, begin);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next()) {
        const int64_t rows = cursor.result_rows(), columns = cursor.result_columns();
        const float* pixels[kStridedPoints];
        int64_t points[kStridedPoints];
        const auto scatter = [&](auto row, auto column) HWY_ATTR {
            for (int point = 0; point < kStridedPoints; ++point) {
                const int64_t before = p.forward() ? phases_before(phase_index(row(), column()), point) : 0;
                points[point] = p.v_point(point, tiles) + (tile - origin) * p.v_row(point) + before * p.K;
            }
            for_each_vector(p.K, [&](int64_t c, const auto access) HWY_ATTR {
                scatter_phase<row(), column()>(pixels, c, points, rows, columns, v, access);
            });
        };
        if (p.forward()) {
            for_each_phase([&](auto row, auto column) HWY_ATTR {
                cursor.every_second<points_of(row()), points_of(column())>(
                    p.input, p.H, p.W, p.K, row() == Phase::odd ? -1 : 0, column() == Phase::odd ? -1 : 0, outside,
                    pixels);
                scatter(row, column);
            });
        } else {
            cursor.addresses<kStridedAlong, 0>(p.input, p.K, outside, pixels);
            scatter(std::integral_constant<Phase, Phase::odd>(), std::integral_constant<Phase, Phase::odd>());
        }
    }
}

/// One vector of channels of a tile's results of a phase, of a tile's sums over all phases where both are odd.
template <Phase row, Phase column, typename Access>
HWY_NOINLINE void gather_phase(const float* product, int64_t point, int64_t c, float* const* pixels,
                               const Access access) {
    transform_axes<points_of(row), points_of(column), kTileOut, kTileOut>(
        [](const auto& in, auto& out) HWY_ATTR { strided_output(in, out); },
        [](const auto& in, auto& out) HWY_ATTR { strided_output(in, out); },
        [=](int h, int w) HWY_ATTR { return hn::LoadU(FloatTag(), product + (h * kStridedAlong + w) * point + c); },
        [=](int h, int w, FloatVector value) HWY_ATTR { access.store(value, pixels[h * kTileOut + w] + c); });
}

/// A panel's results of the tiles [begin, end) from product (25 points x tiles x kPanel).
void transform_result(const Problem& p, int64_t begin, int64_t end, int64_t panel, const float* product,
                      int64_t point) {
    float* outside = scratch(ScratchUse::winograd_discarded, kPanel);
    float* result = p.result + p.first_channel(panel);
    const int64_t channels = p.columns(panel);
    TileCursor cursor(p.grid, begin);
    ImageSums<kPanel> sums(p.sums, p.M, p.first_channel(panel), channels);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next(), product += kPanel) {
        float* pixels[kTileOut * kTileOut];
        const auto gather = [&](auto row, auto column) HWY_ATTR {
            for_each_vector(channels, [&](int64_t c, const auto access) HWY_ATTR {
                gather_phase<row(), column()>(product, point, c, pixels, access);
            });
        };
        if (p.forward()) {
            cursor.addresses<kTileOut, 0>(result, p.M, outside, pixels);
            gather(std::integral_constant<Phase, Phase::odd>(), std::integral_constant<Phase, Phase::odd>());
            sums.add(cursor, pixels);
        } else {
            for_each_phase([&](auto row, auto column) HWY_ATTR {
                if (p.phase(panel) != phase_index(row(), column())) return;
                cursor.every_second<kTileOut, kTileOut>(result, p.H, p.W, p.M, row() == Phase::odd ? 1 : 0,
                                                        column() == Phase::odd ? 1 : 0, outside, pixels);
                gather(row, column);
            });
        }
    }
    sums.finish();
}

/// A panel's results of `count` tiles from `begin` on. v: their transformed input, from tile `first` of `tiles` on; u:
/// the panel's transformed weights.
void convolve_panel(const Problem& p, int64_t begin, int64_t count, int64_t panel, const float* v, int64_t first,
                    int64_t tiles, const float* u) {
    const int64_t product_point = count * kPanel + kPad;
    float* product = scratch(ScratchUse::winograd_product, kStridedPoints * product_point);
    const int64_t columns = p.columns(panel) > kLanes ? kPanel : kLanes;
    for (int point = 0; point < kStridedPoints; ++point) {
        if (!p.has(panel, point)) continue;
        const auto [from, to] = p.needed.within(point, begin, begin + count);
        float* here = product + point * product_point;
        if (from > 0) std::fill(here, here + from * kPanel, 0.0f);
        if (to < count) std::fill(here + to * kPanel, here + count * kPanel, 0.0f);
        const float* a = v + p.v_point(point, tiles) + (first + from) * p.v_row(point);
        multiply_rows(to - from, StridedTile{a, p.v_row(point), u + p.u_point(point), p.depth(point),
                                             here + from * kPanel, kPanel, columns, Store::replace});
    }
    transform_result(p, begin, begin + count, panel, product, product_point);
}

/// Those images, for one run of their tiles.
Problem images_of(const Problem& p, ImageGroup images, int64_t run) {
    Problem part = p;
    part.grid.N = images.end - images.begin;
    part.needed = NeededTiles(part.grid, kStridedAlong, needs_strided_point);
    const int64_t large = images.begin * p.H * p.W, small = images.begin * p.grid.H * p.grid.W;
    part.input += (p.forward() ? large : small) * p.K;
    part.result += (p.forward() ? small : large) * p.M;
    part.sums = begin_sums(p.sums, p.grid.N, p.M, images, run);
    return part;
}

/// The results of the run'th of `runs` parts of p's tiles. u: all transformed weights.
void convolve_run(const Problem& p, int64_t run, int64_t runs, const float* u) {
    const int64_t tiles = p.grid.count(), most = p.block_tiles(), blocks = divide_up(tiles, most);
    const auto block_begin = [&](int64_t block) { return tile_begin(tiles, block, most); };
    float* v = scratch(ScratchUse::winograd_input, p.v_size(most));
    for (int64_t block = blocks * run / runs; block < blocks * (run + 1) / runs; ++block) {
        const int64_t begin = block_begin(block), count = block_begin(block + 1) - begin;
        transform_input(p, begin, begin + count, v, begin, most);
        for (int64_t panel = 0; panel < p.panels(); ++panel)
            convolve_panel(p, begin, count, panel, v, 0, most, u + panel * p.u_panel());
    }
}

void convolve_by_tiles(const Problem& p) {
    for_each_run(
        p.grid, p.block_tiles(), {p.panels() * p.u_panel(), p.panels(), p.K},
        [&](int64_t panel, int64_t k, float* u) { transform_weights(p, panel, k, u + panel * p.u_panel()); },
        [&](ImageGroup images, int64_t run, int64_t runs, const float* u) {
            convolve_run(images_of(p, images, run), run, runs, u);
        });
}

void convolve_by_panels(const Problem& p) {
    constexpr int64_t kChunkTiles = 4 * kMaxRows, kTransformTiles = 4;
    const int64_t tiles = p.grid.count(), chunks = divide_up(tiles, kChunkTiles);
    float* v = scratch(ScratchUse::winograd_input, p.v_size(tiles));
    parallel_for(tiles, kTransformTiles,
                 [&](int64_t begin, int64_t end) { transform_input(p, begin, end, v, 0, tiles); });
    parallel_for(p.panels(), 1, [&](int64_t panel, int64_t) {
        float* u = scratch(ScratchUse::winograd_weight, p.u_panel());
        for (int64_t k = 0; k < p.K; k += kWeightDepth) transform_weights(p, panel, k, u);
        for (int64_t chunk = 0; chunk < chunks; ++chunk) {
            const int64_t begin = tile_begin(tiles, chunk, kChunkTiles),
                          end = tile_begin(tiles, chunk + 1, kChunkTiles);
            convolve_panel(p, begin, end - begin, panel, v, begin, tiles, u);
        }
    });
}

void convolve(const Problem& p) {
    if (p.grid.count() <= p.K && p.panels() > 1) {
        convolve_by_panels(p);
    } else {
        convolve_by_tiles(p);
    }
}

}  // namespace

void strided_forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    convolve({ConvPass::forward, {d.N, d.OH(), d.OW()}, d.H, d.W, d.IC, d.OC, x, weight, y});
}

void strided_forward_with_sums(const Conv2dDims& d, const float* x, const float* weight, float* y,
                               const ResultSums& sums) {
    Problem p{ConvPass::forward, {d.N, d.OH(), d.OW()}, d.H, d.W, d.IC, d.OC, x, weight, y};
    sum_results(d, p.block_tiles(), sums, [&](double* of_images) {
        p.sums = of_images;
        convolve_by_tiles(p);
    });
}

void strided_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    convolve({ConvPass::backward_data, {d.N, d.OH(), d.OW()}, d.H, d.W, d.OC, d.IC, dy, weight, dx});
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(strided_forward);
HWY_EXPORT(strided_forward_with_sums);
HWY_EXPORT(strided_backward_data);

void winograd_strided_forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    HWY_DYNAMIC_DISPATCH(strided_forward)(d, x, weight, y);
}

void winograd_strided_forward_with_sums(const Conv2dDims& d, const float* x, const float* weight, float* y,
                                        const ResultSums& sums) {
    HWY_DYNAMIC_DISPATCH(strided_forward_with_sums)(d, x, weight, y, sums);
}

void winograd_strided_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    HWY_DYNAMIC_DISPATCH(strided_backward_data)(d, dy, weight, dx);
}

}  // namespace moco::cpu
#endif
