// Winograd's convolution backward for the weights: at each of the 36 points, a product of transformed gradients and
// transformed input, summed over all tiles, and transformed back.
//
// The products (36 x OC x IC) outgrow the caches before the weights do. So two of the six rows of points are computed
// for a chunk of tiles, multiplied for a block of weights at a time, and each block's product is transformed at once
// and added to dweight. With many channels the blocks are the pieces of work; with fewer, parts of the tiles are, each
// with a dweight of its own. With fewest all 36 points are computed at once (winograd_narrow.h).
#include <algorithm>

#include "core/parallel.h"
#include "cpu/scratch.h"
#include "cpu/winograd.h"
#include "cpu/winograd_narrow.h"
#include "cpu/winograd_parts.h"
#include "cpu/winograd_strided.h"
#include "cpu/winograd_two_by_two.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/winograd_backward_weight.cpp"  // this file
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"
#include "cpu/winograd_row_pairs-inl.h"
#include "cpu/winograd_tiles.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// N,H,W,channels images and where their transformed tiles lie.
template <int64_t kWidth>
struct Operand : TileLayout<kPairPoints, kWidth> {
    Operand(const TileGrid& all, const float* pixels, int64_t width, int64_t chunk)
        : TileLayout<kPairPoints, kWidth>{width, chunk}, grid(all), images(pixels) {}

    TileGrid grid;
    const float* images;
    NeededTiles needed{grid};
};
using Columns = Operand<kPanel>;  // of the products: x
using Rows = Operand<kRowPanel>;  // dy

/// One row of six points of a tile.
template <int In, typename Transform>
HWY_INLINE void store_row(const Transform& transform_1d, const FloatVector (&row)[In], float* to, int64_t point_step) {
    FloatVector points[6];
    transform_1d(row, points);
#pragma GCC unroll 6
    for (int i = 0; i < 6; ++i) hn::StoreU(points[i], FloatTag(), to + i * point_step);
}

/// The rows of x's tiles [begin, end) of the chunk that starts at tile `chunk`.
template <RowPair pair>
void transform_x(const Columns& x, int64_t chunk, int64_t begin, int64_t end, float* v) {
    const float* outside = zeros(x.channels);
    float* extended = scratch(ScratchUse::winograd_extended, kExtendedPixels * extended_pixel(x.channels));
    const int64_t step = x.point_step();
    TileCursor cursor(x.grid, chunk + begin);
    TilePrefetch ahead = ahead_of(x.grid, x.images, x.channels, chunk + begin, chunk + end);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next()) {
        const float* pixels[kTileIn * kTileIn];
        for (int row = 0; row < kTileOut && ahead.any(); ++row) ahead.step();
        cursor.addresses<kTileIn, 1>(x.images, x.channels, outside, pixels);
        extend_tile(cursor, pixels, x.channels, extended);
        const float* const* from = pixels;
        for_each_vector(x.channels, [=, &x](int64_t c, const auto access) HWY_ATTR {
            FloatVector first[6], second[6];
            input_rows<pair>([=](int h, int w) HWY_ATTR { return access.load(from[h * 6 + w] + c); }, first, second);
            float* to = v + x.place(tile, c);
            const auto transform = [](const auto& in, auto& out) HWY_ATTR { input_1d(in, out); };
            store_row(transform, first, to, step);
            store_row(transform, second, to + 6 * step, step);
        });
    }
}

template <RowPair pair>
void transform_dy(const Rows& dy, int64_t chunk, int64_t begin, int64_t end, float* g) {
    const float* outside = zeros(dy.channels);
    const int64_t step = dy.point_step();
    TileCursor cursor(dy.grid, chunk + begin);
    TilePrefetch ahead = ahead_of(dy.grid, dy.images, dy.channels, chunk + begin, chunk + end);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next()) {
        const float* pixels[kTileOut * kTileOut];
        for (int row = 0; row < kTileOut && ahead.any(); ++row) ahead.step();
        cursor.addresses<kTileOut, 0>(dy.images, dy.channels, outside, pixels);
        const float* const* from = pixels;
        for_each_vector(dy.channels, [=, &dy](int64_t c, const auto access) HWY_ATTR {
            FloatVector first[4], second[4];
            gradient_rows<pair>([=](int h, int w) HWY_ATTR { return access.load(from[h * 4 + w] + c); }, first, second);
            float* to = g + dy.place(tile, c);
            const auto transform = [](const auto& in, auto& out) HWY_ATTR { gradient_1d(in, out); };
            store_row(transform, first, to, step);
            store_row(transform, second, to + 6 * step, step);
        });
    }
}

/// Asks for the next chunk's tiles of x and dy during the last products of a chunk, where one core sums alone.
class NextChunk {
  public:
    /// The tiles [begin, end).
    NextChunk(const Columns& x, const Rows& dy, int64_t begin, int64_t end)
        : x_(x.grid, begin, end, x.images, x.channels, x.channels),
          dy_(dy.grid, begin, end, dy.images, dy.channels, dy.channels),
          rows_(divide_up((end - begin) * kTileOut, kPairPoints * x.panels() * tile_count(dy.channels))) {}

    /// Asks for a product's share.
    void step() {
        for (int64_t i = 0; i < rows_ && (x_.any() || dy_.any()); ++i) {
            x_.step();
            dy_.step();
        }
    }

  private:
    TilePrefetch x_, dy_;
    int64_t rows_;
};

/// A block of weights that a piece of work computes: one panel of OC (kRowPanel), up to kBlockPanels of IC.
constexpr int64_t kBlockPanels = 2;

/// Adds the chunk's part of a pair of rows to the weights of panel `oc_panel` and the IC panels [begin, end). next:
/// what to ask for meanwhile, or null.
template <RowPair pair>
void multiply_block(const Columns& x, const Rows& dy, int64_t chunk, int64_t tiles, const float* v, const float* g,
                    int64_t oc_panel, int64_t begin, int64_t end, Store store, float* dweight, NextChunk* next) {
    constexpr int64_t kRow = kBlockPanels * kPanel + 16;
    constexpr int64_t kPoint = kRowPanel * kRow;
    float* product = scratch(ScratchUse::winograd_product, kPairPoints * kPoint);
    const int64_t IC = x.channels, oc_begin = oc_panel * kRowPanel, OC = std::min(kRowPanel, dy.channels - oc_begin);
    for (int point = 0; point < kPairPoints; ++point) {
        const auto [from, to] = x.needed.within(point_of<pair>(point), chunk, chunk + tiles);
        const int64_t depth = to - from;
        for (int64_t panel = begin; panel < end; ++panel)
            for (int64_t i = 0; i < tile_count(OC); ++i) {
                const int64_t oc = tile_begin(OC, i), rows = tile_begin(OC, i + 1) - oc;
                const float* a = g + point * dy.point_step() + dy.place(from, oc_begin) + oc;
                const float* b = v + point * x.point_step() + x.place(from, panel * kPanel);
                multiply(rows, ColumnTile{&a, &b, &depth, 1, kRowPanel, kPanel,
                                          product + point * kPoint + oc * kRow + (panel - begin) * kPanel, kRow,
                                          IC - panel * kPanel > kLanes ? kPanel : kLanes, Store::replace});
                if (next != nullptr) next->step();
            }
    }
    const int64_t ic_begin = begin * kPanel, ic_count = std::min(IC, end * kPanel) - ic_begin;
    for (int64_t oc = 0; oc < OC; ++oc)
        for_each_vector(ic_count, [=](int64_t c, const auto access) HWY_ATTR {
            FloatVector rows[2][6];
#pragma GCC unroll 2
            for (int row = 0; row < 2; ++row)
#pragma GCC unroll 6
                for (int i = 0; i < 6; ++i)
                    rows[row][i] = hn::LoadU(FloatTag(), product + (row * 6 + i) * kPoint + oc * kRow + c);
            add_to_taps<pair>(rows[0], rows[1], store, dweight + (oc_begin + oc) * 9 * IC + ic_begin + c, IC, access);
        });
}

/// The part of a pair of rows, for the tiles from `chunk` on. next: as in multiply_block.
template <RowPair pair>
void add_row_pair(const Columns& x, const Rows& dy, int64_t chunk, int64_t tiles, float* v, float* g, Store store,
                  float* dweight, NextChunk* next) {
    parallel_for(tiles, 8, [&](int64_t begin, int64_t end) {
        transform_x<pair>(x, chunk, begin, end, v);
        transform_dy<pair>(dy, chunk, begin, end, g);
    });
    const int64_t across = divide_up(x.panels(), kBlockPanels);
    // Blocks of the same IC panels are neighbours: the larger of a block's operands stays in L2.
    parallel_for(across * dy.panels(), 1, [&](int64_t block, int64_t) {
        const int64_t begin = block / dy.panels() * kBlockPanels, end = std::min(begin + kBlockPanels, x.panels());
        multiply_block<pair>(x, dy, chunk, tiles, v, g, block % dy.panels(), begin, end, store, dweight, next);
    });
}

/// Who computes a sum of tiles: all cores together, or each core one of several such sums.
enum class Summed { together, alone };

/// dweight = the sum over a part's tiles, in chunks of at most `most`.
void sum_tiles(const TilePart<float>& part, int64_t most, Summed summed, float* dweight) {
    const Conv2dDims& d = part.d;
    const TileGrid grid{d.N, d.H, d.W};
    const TileChunks chunks(part.begin, part.end, most);
    const Columns x(grid, part.x, d.IC, chunks.largest());
    const Rows dy(grid, part.dy, d.OC, chunks.largest());
    float* v = scratch(ScratchUse::winograd_input, x.count());
    float* g = scratch(ScratchUse::winograd_gradient, dy.count());
    for (int64_t i = 0; i < chunks.count; ++i) {
        const int64_t chunk = chunks.begin_of(i), after = chunks.begin_of(i + 1), tiles = after - chunk;
        NextChunk fetched(x, dy, after, i + 1 < chunks.count ? chunks.begin_of(i + 2) : after);
        NextChunk* next = summed == Summed::alone ? &fetched : nullptr;
        add_row_pair<RowPair::ends>(x, dy, chunk, tiles, v, g, i == 0 ? Store::replace : Store::add, dweight, nullptr);
        add_row_pair<RowPair::a>(x, dy, chunk, tiles, v, g, Store::add, dweight, nullptr);
        add_row_pair<RowPair::b>(x, dy, chunk, tiles, v, g, Store::add, dweight, next);
    }
}

}  // namespace

void backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    // A chunk has so many tiles; in the L2 of each core so many floats, if that is more.
    constexpr int64_t kChunkTiles = 128, kPartChunkFloats = 1 << 16, kLeastTiles = 64, kFewWeights = 64 * 64;
    const int64_t tiles = TileGrid{d.N, d.H, d.W}.count(), floats = kPairPoints * (d.IC + d.OC);
    if (!sum_by_parts(d) || tiles < 2 * kLeastTiles) {
        sum_tiles({d, x, dy, 0, tiles}, kChunkTiles, Summed::together, dweight);
        return;
    }
    // Every chunk is added to all weights: with many, chunks are larger.
    const int64_t chunk_tiles = d.IC * d.OC > kFewWeights ? kChunkTiles : kLeastTiles;
    sum_parts(d, x, dy, kLeastTiles, dweight, [=](const TilePart<float>& part, float* sum) {
        sum_tiles(part, std::max(kPartChunkFloats / floats, chunk_tiles), Summed::alone, sum);
    });
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(backward_weight);

void winograd_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    if (d.stride == 2) return winograd_strided_backward_weight(d, x, dy, dweight);
    if (two_by_two_applies(d)) return winograd_two_by_two_backward_weight(d, x, dy, dweight);
    if (narrow_applies(d)) return winograd_narrow_backward_weight(d, x, dy, dweight);
    HWY_DYNAMIC_DISPATCH(backward_weight)(d, x, dy, dweight);
}

}  // namespace moco::cpu
#endif
