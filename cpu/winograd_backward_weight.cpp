// Winograd's convolution backward for the weights: at each of the 36 points, a product of transformed gradients and
// transformed input, summed over all tiles, and transformed back.
//
// The products (36 x OC x IC) outgrow the caches before the weights do. So two of the six rows of points are computed
// for a chunk of tiles, multiplied for a block of weights at a time, and each block's product is transformed at once
// and added to dweight. With many channels the blocks are the pieces of work; with few, parts of the tiles are, each
// with a dweight of its own.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/scratch.h"
#include "cpu/winograd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/winograd_backward_weight.cpp"  // this file
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"
#include "cpu/winograd_tiles.h"
#include "cpu/winograd_transforms-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Which two rows of points: those of 0 and infinity, of +-a, of +-b. The rows of +-p are an even part plus and minus
/// an odd part, so that they share most of their work.
enum class RowPair { ends, a, b };

inline constexpr int kPairPoints = 2 * kTileIn;

/// Of the 36 points, the one that is number `i` of a pair's.
template <RowPair pair>
constexpr int point_of(int i) {
    constexpr int first[] = {0, 1, 3}, second[] = {5, 2, 4};
    return (i < kTileIn ? first : second)[static_cast<int>(pair)] * kTileIn + i % kTileIn;
}

/// The pair of rows of B^T d: first and second are d's columns transformed; load(h, w) gives d.
template <RowPair pair, typename Load>
HWY_INLINE void input_rows(const Load& load, FloatVector (&first)[6], FloatVector (&second)[6]) {
#pragma GCC unroll 6
    for (int w = 0; w < 6; ++w) {
        if constexpr (pair == RowPair::ends) {
            first[w] = hn::NegMulAdd(constant(2.5f), load(2, w), hn::Add(load(0, w), load(4, w)));
            second[w] = hn::NegMulAdd(constant(2.5f), load(3, w), hn::Add(load(1, w), load(5, w)));
        } else {
            constexpr bool is_a = pair == RowPair::a;
            const FloatVector even = hn::NegMulAdd(constant(is_a ? 2.0f : 0.5f), load(2, w), load(4, w));
            const FloatVector odd =
                hn::NegMulAdd(constant(is_a ? kB : kA), load(1, w), hn::Mul(constant(is_a ? kA : kB), load(3, w)));
            first[w] = hn::Add(even, odd);
            second[w] = hn::Sub(even, odd);
        }
    }
}

/// The pair of rows of A y.
template <RowPair pair, typename Load>
HWY_INLINE void gradient_rows(const Load& load, FloatVector (&first)[4], FloatVector (&second)[4]) {
#pragma GCC unroll 4
    for (int w = 0; w < 4; ++w) {
        if constexpr (pair == RowPair::ends) {
            first[w] = load(0, w);
            second[w] = load(3, w);
        } else {
            constexpr bool is_a = pair == RowPair::a;
            const FloatVector even = hn::MulAdd(constant(is_a ? 0.5f : 2.0f), load(2, w), load(0, w));
            const FloatVector odd =
                hn::MulAdd(constant(is_a ? kA / 2 : kB * 2), load(3, w), hn::Mul(constant(is_a ? kA : kB), load(1, w)));
            first[w] = hn::Add(even, odd);
            second[w] = hn::Sub(even, odd);
        }
    }
}

/// N,H,W,channels images and where their transformed tiles lie: points x panels of kPanel channels x tiles x kPanel.
struct Operand {
    TileGrid grid;
    const float* images;
    int64_t channels;
    int64_t tiles;  // of a chunk

    int64_t panels() const { return panel_count(channels); }
    int64_t panel_step() const { return tiles * kPanel + 16; }  // not a power of two: other cache sets
    int64_t point_step() const { return panels() * panel_step(); }
    int64_t count() const { return kPairPoints * point_step(); }
};

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
void transform_x(const Operand& x, int64_t chunk, int64_t begin, int64_t end, float* v) {
    const float* outside = zeros(x.channels);
    float* extended = scratch(ScratchUse::winograd_extended, kExtendedPixels * extended_pixel(x.channels));
    const int64_t step = x.point_step(), panel_step = x.panel_step();
    TileCursor cursor(x.grid, chunk + begin);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next()) {
        const float* pixels[kTileIn * kTileIn];
        cursor.addresses<kTileIn, 1>(x.images, x.channels, outside, pixels);
        extend_tile(cursor, pixels, x.channels, extended);
        const float* const* from = pixels;
        for_each_vector(x.channels, [=](int64_t c, const auto access) HWY_ATTR {
            FloatVector first[6], second[6];
            input_rows<pair>([=](int h, int w) HWY_ATTR { return access.load(from[h * 6 + w] + c); }, first, second);
            float* to = v + c / kPanel * panel_step + tile * kPanel + c % kPanel;
            const auto transform = [](const auto& in, auto& out) HWY_ATTR { input_1d(in, out); };
            store_row(transform, first, to, step);
            store_row(transform, second, to + 6 * step, step);
        });
    }
}

template <RowPair pair>
void transform_dy(const Operand& dy, int64_t chunk, int64_t begin, int64_t end, float* g) {
    const float* outside = zeros(dy.channels);
    const int64_t step = dy.point_step(), panel_step = dy.panel_step();
    TileCursor cursor(dy.grid, chunk + begin);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next()) {
        const float* pixels[kTileOut * kTileOut];
        cursor.addresses<kTileOut, 0>(dy.images, dy.channels, outside, pixels);
        const float* const* from = pixels;
        for_each_vector(dy.channels, [=](int64_t c, const auto access) HWY_ATTR {
            FloatVector first[4], second[4];
            gradient_rows<pair>([=](int h, int w) HWY_ATTR { return access.load(from[h * 4 + w] + c); }, first, second);
            float* to = g + c / kPanel * panel_step + tile * kPanel + c % kPanel;
            const auto transform = [](const auto& in, auto& out) HWY_ATTR { gradient_1d(in, out); };
            store_row(transform, first, to, step);
            store_row(transform, second, to + 6 * step, step);
        });
    }
}

/// Adds what a pair of rows contributes to the nine taps of G^T u G, `tap` floats apart.
template <RowPair pair, typename Access>
HWY_INLINE void add_to_taps(const FloatVector (&first)[6], const FloatVector (&second)[6], Store store, float* dweight,
                            int64_t tap, const Access access) {
    FloatVector f[3], s[3];
    weight_gradient_1d(first, f);
    weight_gradient_1d(second, s);
#pragma GCC unroll 3
    for (int w = 0; w < 3; ++w) {
        float* to = dweight + w * tap;
        const auto add = [=](int h, FloatVector value) HWY_ATTR {
            float* place = to + h * 3 * tap;
            access.store(store == Store::add ? hn::Add(value, access.load(place)) : value, place);
        };
        if constexpr (pair == RowPair::ends) {
            add(0, f[w]);
            if (store == Store::replace) add(1, hn::Zero(FloatTag()));
            add(2, s[w]);
        } else {
            constexpr bool is_a = pair == RowPair::a;
            const FloatVector sum = hn::Add(f[w], s[w]), difference = hn::Sub(f[w], s[w]);
            add(0, hn::Mul(constant(is_a ? -2.0f / 3 : 1.0f / 6), sum));
            add(1, hn::Mul(constant(is_a ? -2.0f / 3 * kA : kB / 6), difference));
            add(2, hn::Mul(constant(is_a ? -1.0f / 3 : 1.0f / 3), sum));
        }
    }
}

/// A block of weights that a piece of work computes: one panel of OC, up to kBlockPanels of IC.
constexpr int64_t kBlockPanels = 2;

/// Adds the chunk's part of a pair of rows to the weights of panel `oc_panel` and the IC panels [begin, end).
template <RowPair pair>
void multiply_block(const Operand& x, const Operand& dy, int64_t chunk, int64_t tiles, const float* v, const float* g,
                    int64_t oc_panel, int64_t begin, int64_t end, Store store, float* dweight) {
    constexpr int64_t kRow = kBlockPanels * kPanel + 16;
    constexpr int64_t kPoint = kPanel * kRow;
    float* product = scratch(ScratchUse::winograd_product, kPairPoints * kPoint);
    const int64_t IC = x.channels, oc_begin = oc_panel * kPanel, OC = std::min(kPanel, dy.channels - oc_begin);
    for (int point = 0; point < kPairPoints; ++point) {
        const TileGrid::Interval needed = x.grid.needing(point_of<pair>(point));
        const int64_t from = std::clamp(needed.begin, chunk, chunk + tiles) - chunk;
        const int64_t depth = std::clamp(needed.end, chunk, chunk + tiles) - chunk - from;
        for (int64_t panel = begin; panel < end; ++panel)
            for (int64_t i = 0; i < tile_count(OC); ++i) {
                const int64_t oc = tile_begin(OC, i), rows = tile_begin(OC, i + 1) - oc;
                const float* a = g + point * dy.point_step() + oc_panel * dy.panel_step() + from * kPanel + oc;
                const float* b = v + point * x.point_step() + panel * x.panel_step() + from * kPanel;
                multiply(rows, ColumnTile{&a, &b, &depth, 1, kPanel, kPanel,
                                          product + point * kPoint + oc * kRow + (panel - begin) * kPanel, kRow,
                                          IC - panel * kPanel > kLanes ? kPanel : kLanes, Store::replace});
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

/// The part of a pair of rows, for the tiles from `chunk` on.
template <RowPair pair>
void add_row_pair(const Operand& x, const Operand& dy, int64_t chunk, int64_t tiles, float* v, float* g, Store store,
                  float* dweight) {
    parallel_for(tiles, 8, [&](int64_t begin, int64_t end) {
        transform_x<pair>(x, chunk, begin, end, v);
        transform_dy<pair>(dy, chunk, begin, end, g);
    });
    const int64_t across = divide_up(x.panels(), kBlockPanels);
    parallel_for(dy.panels() * across, 1, [&](int64_t block, int64_t) {
        const int64_t begin = block % across * kBlockPanels, end = std::min(begin + kBlockPanels, x.panels());
        multiply_block<pair>(x, dy, chunk, tiles, v, g, block / across, begin, end, store, dweight);
    });
}

/// dweight = the sum over the tiles [begin, end), in chunks of at most `most` tiles.
void sum_tiles(const Conv2dDims& d, const float* x_images, const float* dy_images, int64_t begin, int64_t end,
               int64_t most, float* dweight) {
    const TileGrid grid{d.N, d.H, d.W};
    const int64_t chunks = divide_up(end - begin, most), largest = divide_up(end - begin, chunks);
    const Operand x{grid, x_images, d.IC, largest}, dy{grid, dy_images, d.OC, largest};
    float* v = scratch(ScratchUse::winograd_input, x.count());
    float* g = scratch(ScratchUse::winograd_gradient, dy.count());
    for (int64_t i = 0; i < chunks; ++i) {
        const int64_t chunk = begin + (end - begin) * i / chunks;
        const int64_t tiles = begin + (end - begin) * (i + 1) / chunks - chunk;
        add_row_pair<RowPair::ends>(x, dy, chunk, tiles, v, g, i == 0 ? Store::replace : Store::add, dweight);
        add_row_pair<RowPair::a>(x, dy, chunk, tiles, v, g, Store::add, dweight);
        add_row_pair<RowPair::b>(x, dy, chunk, tiles, v, g, Store::add, dweight);
    }
}

/// sum = the sum of `count` arrays of `size` floats, in their order.
void add_partials(const float* partials, int64_t count, int64_t size, float* sum) {
    parallel_for(size, 4096, [=](int64_t begin, int64_t end) {
        std::copy(partials + begin, partials + end, sum + begin);
        for (int64_t k = 1; k < count; ++k)
            for (int64_t i = begin; i < end; ++i) sum[i] += partials[k * size + i];
    });
}

}  // namespace

void backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    constexpr int64_t kChunkFloats = 1 << 19,
                      kChunkTiles = 128;  // a chunk has so many floats, or tiles if that is more
    constexpr int64_t kManyBlocks = 8, kLeastTiles = 64;
    const int64_t tiles = TileGrid{d.N, d.H, d.W}.count();
    const int64_t chunk = std::max(kChunkFloats / kPairPoints / (d.IC + d.OC), kChunkTiles);
    const int64_t blocks = panel_count(d.OC) * divide_up(panel_count(d.IC), kBlockPanels);
    if (blocks >= kManyBlocks || tiles < 2 * kLeastTiles) {
        sum_tiles(d, x, dy, 0, tiles, chunk, dweight);
        return;
    }
    const int64_t grain = std::max(partial_grain(tiles), kLeastTiles), parts = divide_up(tiles, grain);
    float* partials = scratch(ScratchUse::partials, parts * d.weight_count());
    parallel_for(tiles, grain, [&](int64_t begin, int64_t end) {
        sum_tiles(d, x, dy, begin, end, chunk, partials + begin / grain * d.weight_count());
    });
    add_partials(partials, parts, d.weight_count(), dweight);
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(backward_weight);

void winograd_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    HWY_DYNAMIC_DISPATCH(backward_weight)(d, x, dy, dweight);
}

}  // namespace moco::cpu
#endif
