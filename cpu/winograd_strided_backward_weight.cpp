// Winograd's convolution with stride 2 backward for the weights (the filtering: winograd_strided-inl.h): at each point,
// a product of transformed gradients and a transformed phase of the input, summed over all tiles, and transformed back
// to the taps that the phase has for its own.
//
// A chunk of tiles goes through the phases one after the other, so that what is multiplied stays in a cache. Blocks of
// weights are the pieces of work, or, with fewer channels, parts of the tiles; each block's product is transformed at
// once and added to dweight.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/scratch.h"
#include "cpu/winograd_parts.h"
#include "cpu/winograd_strided.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/winograd_strided_backward_weight.cpp"  // this file
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"
#include "cpu/winograd_strided-inl.h"
#include "cpu/winograd_tiles.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// A chunk has at most so many tiles, a part at least.
constexpr int64_t kChunkTiles = 128;
/// So many tiles before they are transformed, their pixels are asked for.
constexpr int64_t kAhead = 2;

using Columns = TileLayout<kStridedPoints, kPanel>;  // of the products: x
using Rows = TileLayout<kStridedPoints, kRowPanel>;  // dy

struct Problem {
    Conv2dDims d;
    const float* x;
    const float* dy;
    TileGrid grid{d.N, d.OH(), d.OW()};
    NeededTiles needed{grid, kStridedAlong, needs_strided_point};
};

/// One vector of channels of a tile. Not inlined, as scatter_vector.
template <int InH, int InW, int OutH, int OutW, typename Down, typename Along, typename Access>
HWY_NOINLINE void scatter_tile(const Down down, const Along along, const float* const* pixels, int64_t c, float* to,
                               int64_t point_step, const Access access) {
    transform_axes<InH, InW, OutH, OutW>(
        down, along, [=](int h, int w) HWY_ATTR { return access.load(pixels[h * InW + w] + c); },
        [=](int h, int w, FloatVector value)
            HWY_ATTR { hn::StoreU(value, FloatTag(), to + (h * kStridedAlong + w) * point_step); });
}

/// v = a phase of x's tiles [begin, end) of the chunk that starts at tile `chunk`.
template <Phase row, Phase column>
void transform_x(const Problem& p, const Columns& layout, int64_t chunk, int64_t begin, int64_t end, float* v) {
    constexpr int kRows = points_of(row), kColumns = points_of(column);
    constexpr int64_t kTop = row == Phase::odd ? -1 : 0, kLeft = column == Phase::odd ? -1 : 0;
    const Conv2dDims& d = p.d;
    const float* outside = zeros(d.IC);
    TileCursor cursor(p.grid, chunk + begin), ahead(p.grid, chunk + begin + kAhead);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next(), ahead.next()) {
        const int64_t rows = cursor.result_rows(), columns = cursor.result_columns();
        const float* pixels[kStridedPoints];
        if (tile + kAhead < end) {
            ahead.every_second<kRows, kColumns>(p.x, d.H, d.W, d.IC, kTop, kLeft, outside, pixels);
            prefetch_pixels(pixels, kRows * kColumns, d.IC);
        }
        cursor.every_second<kRows, kColumns>(p.x, d.H, d.W, d.IC, kTop, kLeft, outside, pixels);
        for_each_vector(d.IC, [&](int64_t c, const auto access) HWY_ATTR {
            scatter_tile<kRows, kColumns, kRows, kColumns>(
                [=](const auto& in, auto& out) HWY_ATTR { strided_input(in, out, rows); },
                [=](const auto& in, auto& out) HWY_ATTR { strided_input(in, out, columns); }, pixels, c,
                v + layout.place(tile, c), layout.point_step(), access);
        });
    }
}

/// g = the same of dy.
void transform_dy(const Problem& p, const Rows& layout, int64_t chunk, int64_t begin, int64_t end, float* g) {
    const float* outside = zeros(p.d.OC);
    TileCursor cursor(p.grid, chunk + begin), ahead(p.grid, chunk + begin + kAhead);
    const auto transform = [](const auto& in, auto& out) HWY_ATTR { strided_gradient(in, out); };
    for (int64_t tile = begin; tile < end; ++tile, cursor.next(), ahead.next()) {
        const float* pixels[kTileOut * kTileOut];
        if (tile + kAhead < end) {
            ahead.addresses<kTileOut, 0>(p.dy, p.d.OC, outside, pixels);
            prefetch_pixels(pixels, kTileOut * kTileOut, p.d.OC);
        }
        cursor.addresses<kTileOut, 0>(p.dy, p.d.OC, outside, pixels);
        for_each_vector(p.d.OC, [&](int64_t c, const auto access) HWY_ATTR {
            scatter_tile<kTileOut, kTileOut, kStridedAlong, kStridedAlong>(
                transform, transform, pixels, c, g + layout.place(tile, c), layout.point_step(), access);
        });
    }
}

/// A block of weights that a piece of work computes: one panel of OC (kRowPanel), up to kBlockPanels of IC.
constexpr int64_t kBlockPanels = 2;

/// Tiles that are transformed, and then multiplied, together: into v and g.
struct Chunk {
    int64_t begin, tiles;
    Columns x;
    Rows dy;
    float* v;
    float* g;
    Store store;
};

/// Adds the chunk's part to the taps of a pair of phases, for the OC panel `oc_panel` and the IC panels [begin, end).
template <Phase row, Phase column>
void multiply_block(const Problem& p, const Chunk& chunk, int64_t oc_panel, int64_t begin, int64_t end,
                    float* dweight) {
    constexpr int64_t kRow = kBlockPanels * kPanel + 16, kPoint = kRowPanel * kRow;
    float* product = scratch(ScratchUse::winograd_product, kStridedPoints * kPoint);
    const int64_t IC = p.d.IC, oc_begin = oc_panel * kRowPanel, OC = std::min(kRowPanel, p.d.OC - oc_begin);
    for (int point = 0; point < kStridedPoints; ++point) {
        if (!has_point(phase_index(row, column), point)) continue;
        const auto [from, to] = p.needed.within(point, chunk.begin, chunk.begin + chunk.tiles);
        const int64_t depth = to - from;
        for (int64_t panel = begin; panel < end; ++panel)
            for (int64_t i = 0; i < tile_count(OC); ++i) {
                const int64_t oc = tile_begin(OC, i), rows = tile_begin(OC, i + 1) - oc;
                const float* a = chunk.g + point * chunk.dy.point_step() + chunk.dy.place(from, oc_begin) + oc;
                const float* b = chunk.v + point * chunk.x.point_step() + chunk.x.place(from, panel * kPanel);
                multiply(rows, ColumnTile{&a, &b, &depth, 1, kRowPanel, kPanel,
                                          product + point * kPoint + oc * kRow + (panel - begin) * kPanel, kRow,
                                          IC - panel * kPanel > kLanes ? kPanel : kLanes, Store::replace});
            }
    }
    const int64_t ic_begin = begin * kPanel, ic_count = std::min(IC, end * kPanel) - ic_begin;
    const auto transform = [](const auto& in, auto& out) HWY_ATTR { strided_weight_gradient(in, out); };
    for (int64_t oc = 0; oc < OC; ++oc)
        for_each_vector(ic_count, [&](int64_t c, const auto access) HWY_ATTR {
            float* to = dweight + (oc_begin + oc) * 9 * IC + ic_begin + c;
            transform_axes<points_of(row), points_of(column), taps_of(row), taps_of(column)>(
                transform, transform,
                [=](int h, int w) HWY_ATTR {
                    return hn::LoadU(FloatTag(), product + (h * kStridedAlong + w) * kPoint + oc * kRow + c);
                },
                [&](int h, int w, FloatVector value) HWY_ATTR {
                    float* tap = to + (tap_of(row, h, false) * 3 + tap_of(column, w, false)) * IC;
                    access.store(chunk.store == Store::add ? hn::Add(value, access.load(tap)) : value, tap);
                });
        });
}

/// The part of a chunk's tiles.
void add_chunk(const Problem& p, const Chunk& chunk, float* dweight) {
    constexpr int64_t kTransformTiles = 8;
    const int64_t across = divide_up(chunk.x.panels(), kBlockPanels);
    bool first = true;
    for_each_phase([&](auto row, auto column) {
        parallel_for(chunk.tiles, kTransformTiles, [&](int64_t from, int64_t to) {
            transform_x<row(), column()>(p, chunk.x, chunk.begin, from, to, chunk.v);
            if (first) transform_dy(p, chunk.dy, chunk.begin, from, to, chunk.g);
        });
        first = false;
        // Blocks of the same IC panels are neighbours: the larger of a block's operands stays in L2.
        parallel_for(across * chunk.dy.panels(), 1, [&](int64_t block, int64_t) {
            const int64_t panel = block / chunk.dy.panels() * kBlockPanels;
            multiply_block<row(), column()>(p, chunk, block % chunk.dy.panels(), panel,
                                            std::min(panel + kBlockPanels, chunk.x.panels()), dweight);
        });
    });
}

/// dweight = the sum over a part's tiles.
void sum_tiles(const TilePart<float>& part, float* dweight) {
    const Problem p{part.d, part.x, part.dy};
    const TileChunks chunks(part.begin, part.end, kChunkTiles);
    const Columns x{p.d.IC, chunks.largest()};
    const Rows dy{p.d.OC, chunks.largest()};
    float* v = scratch(ScratchUse::winograd_input, x.count());
    float* g = scratch(ScratchUse::winograd_gradient, dy.count());
    for (int64_t i = 0; i < chunks.count; ++i) {
        const int64_t begin = chunks.begin_of(i), tiles = chunks.begin_of(i + 1) - begin;
        add_chunk(p, {begin, tiles, x, dy, v, g, i == 0 ? Store::replace : Store::add}, dweight);
    }
}

}  // namespace

void strided_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    sum_parts(d, x, dy, kChunkTiles, dweight, sum_tiles);
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(strided_backward_weight);

void winograd_strided_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    HWY_DYNAMIC_DISPATCH(strided_backward_weight)(d, x, dy, dweight);
}

}  // namespace moco::cpu
#endif
