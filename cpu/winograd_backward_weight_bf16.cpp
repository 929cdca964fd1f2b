// Winograd's convolution of bf16 images backward for the weights: cut as in winograd_backward_weight.cpp, with products
// of two tiles at a time. A pair of the bf16 instruction is a channel of two consecutive tiles.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/scratch.h"
#include "cpu/winograd_bf16.h"
#include "cpu/winograd_parts.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/winograd_backward_weight_bf16.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/pack-inl.h"
#include "cpu/winograd_bf16-inl.h"
#include "cpu/winograd_row_pairs-inl.h"
#include "cpu/winograd_tiles.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

#if MOCO_BF16_TARGET
/// Transformed values: P is float, one tile's, or uint32_t, the bf16 of a pair of tiles.
template <typename P>
inline constexpr int64_t kTilesPerValue = std::is_same_v<P, float> ? 1 : 2;

/// N,H,W,channels images and where their transformed tiles lie: its `tiles` are values.
template <typename P>
struct Operand : TileLayout<kPairPoints, kPanel> {
    Operand(const TileGrid& all, const uint16_t* pixels, int64_t width, int64_t chunk)
        : TileLayout<kPairPoints, kPanel>{width, divide_up(chunk, kTilesPerValue<P>)}, grid(all), images(pixels) {}

    int64_t offset(int64_t tile, int64_t c) const { return place(tile / kTilesPerValue<P>, c); }

    TileGrid grid;
    const uint16_t* images;
};

/// Which of the tiles that share a value.
enum class Half { first, second };

template <Half half>
HWY_INLINE void store_half(FloatVector value, float* to) {
    store_point(value, to);
}
/// The first tile comes first and leaves zeros for the second.
template <Half half>
HWY_INLINE void store_half(FloatVector value, uint32_t* to) {
    const __m512i bits = rounded_bits(value);
    if constexpr (half == Half::first) {
        _mm512_storeu_si512(to, _mm512_srli_epi32(bits, 16));
    } else {
        const __m512i upper = _mm512_and_si512(bits, _mm512_set1_epi32(static_cast<int32_t>(0xffff0000)));
        _mm512_storeu_si512(to, _mm512_or_si512(upper, _mm512_loadu_si512(to)));
    }
}

/// One row of six points of a tile.
template <Half half, int In, typename P, typename Transform>
HWY_INLINE void store_row(const Transform& transform_1d, const FloatVector (&row)[In], P* to, int64_t point_step) {
    FloatVector points[6];
    transform_1d(row, points);
#pragma GCC unroll 6
    for (int i = 0; i < 6; ++i) store_half<half>(points[i], to + i * point_step);
}

/// One tile of x: 36 pixels of all channels.
template <RowPair pair, Half half, typename P>
void transform_x_tile(const Operand<P>& x, const uint16_t* const* pixels, int64_t tile, P* v) {
    const int64_t step = x.point_step();
    for_each_bf16_vector(x.channels, [=, &x](int64_t c, const auto access) HWY_ATTR {
        FloatVector first[6], second[6];
        input_rows<pair>([=](int h, int w) HWY_ATTR { return access.load(pixels[h * 6 + w] + c); }, first, second);
        P* to = v + x.offset(tile, c);
        const auto transform = [](const auto& in, auto& out) HWY_ATTR { input_1d(in, out); };
        store_row<half>(transform, first, to, step);
        store_row<half>(transform, second, to + 6 * step, step);
    });
}

/// One tile of dy: 16 pixels of all channels.
template <RowPair pair, Half half, typename P>
void transform_dy_tile(const Operand<P>& dy, const uint16_t* const* pixels, int64_t tile, P* g) {
    const int64_t step = dy.point_step();
    for_each_bf16_vector(dy.channels, [=, &dy](int64_t c, const auto access) HWY_ATTR {
        FloatVector first[4], second[4];
        gradient_rows<pair>([=](int h, int w) HWY_ATTR { return access.load(pixels[h * 4 + w] + c); }, first, second);
        P* to = g + dy.offset(tile, c);
        const auto transform = [](const auto& in, auto& out) HWY_ATTR { gradient_1d(in, out); };
        store_row<half>(transform, first, to, step);
        store_row<half>(transform, second, to + 6 * step, step);
    });
}

/// The rows of the tiles [begin, end), begin even, of the chunk that starts at tile `chunk`.
template <RowPair pair, typename P>
void transform_tiles(const Operand<P>& x, const Operand<P>& dy, int64_t chunk, int64_t begin, int64_t end, P* v, P* g) {
    const auto* outside = reinterpret_cast<const uint16_t*>(zeros(std::max(x.channels, dy.channels)));
    TileCursor cursor(x.grid, chunk + begin);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next()) {
        const uint16_t *x_pixels[kTileIn * kTileIn], *dy_pixels[kTileOut * kTileOut];
        cursor.addresses<kTileIn, 1>(x.images, x.channels, outside, x_pixels);
        cursor.addresses<kTileOut, 0>(dy.images, dy.channels, outside, dy_pixels);
        if (tile % 2 == 0) {
            transform_x_tile<pair, Half::first>(x, x_pixels, tile, v);
            transform_dy_tile<pair, Half::first>(dy, dy_pixels, tile, g);
        } else {
            transform_x_tile<pair, Half::second>(x, x_pixels, tile, v);
            transform_dy_tile<pair, Half::second>(dy, dy_pixels, tile, g);
        }
    }
}

void multiply_columns(int64_t rows, const float* a, const float* b, int64_t depth, float* c, int64_t c_step,
                      int64_t columns) {
    multiply(rows, ColumnTile{&a, &b, &depth, 1, kPanel, kPanel, c, c_step, columns, Store::replace});
}
void multiply_columns(int64_t rows, const uint32_t* a, const uint32_t* b, int64_t depth, float* c, int64_t c_step,
                      int64_t columns) {
    multiply(rows, PairColumns{&a, &b, &depth, 1, kPanel, kPanel, c, c_step, columns, Store::replace});
}

/// A block of weights that a piece of work computes: one panel of OC, up to kBlockPanels of IC.
constexpr int64_t kBlockPanels = 2;

/// Adds the chunk's part of a pair of rows to the weights of panel `oc_panel` and the IC panels [begin, end).
template <RowPair pair, typename P>
void multiply_block(const Operand<P>& x, const Operand<P>& dy, int64_t tiles, const P* v, const P* g, int64_t oc_panel,
                    int64_t begin, int64_t end, Store store, float* dweight) {
    constexpr int64_t kRow = kBlockPanels * kPanel + 16;
    constexpr int64_t kPoint = kPanel * kRow;
    float* product = scratch(ScratchUse::winograd_product, kPairPoints * kPoint);
    const int64_t IC = x.channels, oc_begin = oc_panel * kPanel, OC = std::min(kPanel, dy.channels - oc_begin);
    const int64_t depth = divide_up(tiles, kTilesPerValue<P>);
    for (int point = 0; point < kPairPoints; ++point)
        for (int64_t panel = begin; panel < end; ++panel)
            for (int64_t i = 0; i < tile_count(OC); ++i) {
                const int64_t oc = tile_begin(OC, i);
                multiply_columns(tile_begin(OC, i + 1) - oc,
                                 g + point * dy.point_step() + oc_panel * dy.panel_step() + oc,
                                 v + point * x.point_step() + panel * x.panel_step(), depth,
                                 product + point * kPoint + oc * kRow + (panel - begin) * kPanel, kRow,
                                 IC - panel * kPanel > kLanes ? kPanel : kLanes);
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
template <RowPair pair, typename P>
void add_row_pair(const Operand<P>& x, const Operand<P>& dy, int64_t chunk, int64_t tiles, P* v, P* g, Store store,
                  float* dweight) {
    parallel_for(tiles, 8, [&](int64_t begin, int64_t end) { transform_tiles<pair>(x, dy, chunk, begin, end, v, g); });
    const int64_t across = divide_up(x.panels(), kBlockPanels);
    parallel_for(dy.panels() * across, 1, [&](int64_t block, int64_t) {
        const int64_t begin = block % across * kBlockPanels, end = std::min(begin + kBlockPanels, x.panels());
        multiply_block<pair>(x, dy, tiles, v, g, block / across, begin, end, store, dweight);
    });
}

/// dweight = the sum over a part's tiles, in chunks of at most `most`.
template <typename P>
void sum_tiles(const TilePart<uint16_t>& part, int64_t most, float* dweight) {
    const Conv2dDims& d = part.d;
    const TileGrid grid{d.N, d.H, d.W};
    const TileChunks chunks(part.begin, part.end, most);
    const Operand<P> x(grid, part.x, d.IC, chunks.largest()), dy(grid, part.dy, d.OC, chunks.largest());
    P* v = reinterpret_cast<P*>(scratch(ScratchUse::winograd_input, x.count()));
    P* g = reinterpret_cast<P*>(scratch(ScratchUse::winograd_gradient, dy.count()));
    for (int64_t i = 0; i < chunks.count; ++i) {
        const int64_t chunk = chunks.begin_of(i), tiles = chunks.begin_of(i + 1) - chunk;
        add_row_pair<RowPair::ends>(x, dy, chunk, tiles, v, g, i == 0 ? Store::replace : Store::add, dweight);
        add_row_pair<RowPair::a>(x, dy, chunk, tiles, v, g, Store::add, dweight);
        add_row_pair<RowPair::b>(x, dy, chunk, tiles, v, g, Store::add, dweight);
    }
}

template <typename P>
void sum_all(const Conv2dDims& d, const uint16_t* x, const uint16_t* dy, float* dweight) {
    // A chunk has so many values, or tiles if that is more.
    constexpr int64_t kChunkValues = 1 << 19, kChunkTiles = 128 * kTilesPerValue<P>;
    // Every part has all weights to write: of many, parts are larger.
    constexpr int64_t kFewWeights = 64 * 64;
    const int64_t least = d.IC * d.OC > kFewWeights ? 256 : 64;
    const int64_t chunk = std::max(kChunkValues / kPairPoints / (d.IC + d.OC) * kTilesPerValue<P>, kChunkTiles);
    sum_parts(d, x, dy, least, dweight,
              [=](const TilePart<uint16_t>& part, float* sum) { sum_tiles<P>(part, chunk, sum); });
}

void backward_weight(const Conv2dDims& d, WinogradProducts products, const uint16_t* x, const uint16_t* dy,
                     float* dweight) {
    (products == WinogradProducts::bf16 ? sum_all<uint32_t> : sum_all<float>)(d, x, dy, dweight);
}
#else
// Never called: has_bf16_products() says so.
void backward_weight(const Conv2dDims&, WinogradProducts, const uint16_t*, const uint16_t*, float*) {}
#endif

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {
namespace {

HWY_EXPORT(backward_weight);

}  // namespace

void winograd_backward_weight_bf16(const Conv2dDims& d, WinogradProducts products, const uint16_t* x,
                                   const uint16_t* dy, float* dweight) {
    HWY_DYNAMIC_DISPATCH(backward_weight)(d, products, x, dy, dweight);
}

}  // namespace moco::cpu
#endif
