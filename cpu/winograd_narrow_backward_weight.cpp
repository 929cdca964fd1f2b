// Winograd's convolution backward for few weights. Parts of the tiles are the pieces of work: each sums the products of
// its tiles at all 36 points, chunk by chunk, and transforms them back to a dweight of its own.
#include <algorithm>

#include "cpu/scratch.h"
#include "cpu/winograd_narrow.h"
#include "cpu/winograd_parts.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/winograd_narrow_backward_weight.cpp"  // this file
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"
#include "cpu/winograd_tiles.h"
#include "cpu/winograd_transforms-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kPad = 16;  // floats between rows and points, so that they do not fall into the same cache sets

struct Problem {
    Conv2dDims d;
    const float* x;
    const float* dy;
    int64_t chunk;  // the most tiles that are transformed at once
    TileGrid grid{d.N, d.H, d.W};
    NeededTiles needed{grid};

    /// Floats of a tile's channels at a point, of a point of `chunk` tiles, and of the products at a point.
    static int64_t row(int64_t channels) { return divide_up(channels, kPanel) * kPanel + kPad; }
    int64_t point(int64_t channels) const { return chunk * row(channels) + kPad; }
    int64_t product_point() const { return d.OC * row(d.IC) + kPad; }
};

/// v, g (36 points x tiles x channels) = the transformed tiles [begin, end) of x and dy.
void transform_tiles(const Problem& p, int64_t begin, int64_t end, TilePrefetch& x_ahead, TilePrefetch& dy_ahead,
                     float* v, float* g) {
    const int64_t IC = p.d.IC, OC = p.d.OC;
    const float* outside = zeros(std::max(IC, OC));
    float* extended = scratch(ScratchUse::winograd_extended, kExtendedPixels * extended_pixel(IC));
    TileCursor cursor(p.grid, begin);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next(), v += p.row(IC), g += p.row(OC)) {
        const float* pixels[kTileIn * kTileIn];
        for (int row = 0; row < kTileOut && x_ahead.any(); ++row) x_ahead.step();
        for (int row = 0; row < kTileOut && dy_ahead.any(); ++row) dy_ahead.step();
        cursor.addresses<kTileIn, 1>(p.x, IC, outside, pixels);
        extend_tile(cursor, pixels, IC, extended);
        scatter_to_points<kTileIn>([](const auto& in, auto& out) HWY_ATTR { input_1d(in, out); }, pixels, IC, v,
                                   p.point(IC));
        cursor.addresses<kTileOut, 0>(p.dy, OC, outside, pixels);
        scatter_to_points<kTileOut>([](const auto& in, auto& out) HWY_ATTR { gradient_1d(in, out); }, pixels, OC, g,
                                    p.point(OC));
    }
}

/// product (36 points x OC x IC) = or += the sums over the tiles [begin, end).
void multiply_tiles(const Problem& p, int64_t begin, int64_t end, const float* v, const float* g, Store store,
                    float* product) {
    const int64_t IC = p.d.IC, OC = p.d.OC, x_row = p.row(IC), dy_row = p.row(OC);
    for (int point = 0; point < kPoints; ++point, v += p.point(IC), g += p.point(OC), product += p.product_point()) {
        const auto [from, to] = p.needed.within(point, begin, end);
        const int64_t depth = to - from;
        for (int64_t ic = 0; ic < IC; ic += kPanel)
            for (int64_t i = 0; i < tile_count(OC); ++i) {
                const int64_t oc = tile_begin(OC, i), rows = tile_begin(OC, i + 1) - oc;
                const float* a = g + from * dy_row + oc;
                const float* b = v + from * x_row + ic;
                multiply(rows, ColumnTile{&a, &b, &depth, 1, dy_row, x_row, product + oc * x_row + ic, x_row,
                                          IC - ic > kLanes ? kPanel : kLanes, store});
            }
    }
}

/// dweight = the sum over the tiles [begin, end).
void sum_tiles(const Problem& p, int64_t begin, int64_t end, float* dweight) {
    const int64_t IC = p.d.IC, OC = p.d.OC;
    const TileChunks chunks(begin, end, p.chunk);
    float* v = scratch(ScratchUse::winograd_input, kPoints * p.point(IC));
    float* g = scratch(ScratchUse::winograd_gradient, kPoints * p.point(OC));
    float* product = scratch(ScratchUse::winograd_product, kPoints * p.product_point());
    TilePrefetch x_ahead = ahead_of(p.grid, p.x, IC, begin, end), dy_ahead = ahead_of(p.grid, p.dy, OC, begin, end);
    for (int64_t i = 0; i < chunks.count; ++i) {
        const int64_t first = chunks.begin_of(i), last = chunks.begin_of(i + 1);
        transform_tiles(p, first, last, x_ahead, dy_ahead, v, g);
        multiply_tiles(p, first, last, v, g, i == 0 ? Store::replace : Store::add, product);
    }
    for (int64_t oc = 0; oc < OC; ++oc, product += p.row(IC)) {
        float* taps[9];
        for (float*& tap : taps) {
            tap = dweight;
            dweight += IC;
        }
        gather_from_points<3>([](const auto& in, auto& out) HWY_ATTR { weight_gradient_1d(in, out); }, product,
                              p.product_point(), IC, taps);
    }
}

}  // namespace

void narrow_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    // A chunk has so many floats, within these bounds of tiles; a part at least so many tiles.
    constexpr int64_t kChunkFloats = 1 << 17, kChunkLeast = 16, kChunkMost = 64, kLeastTiles = 64;
    const int64_t chunk = std::clamp(kChunkFloats / (kPoints * (d.IC + d.OC)), kChunkLeast, kChunkMost);
    sum_parts(d, x, dy, kLeastTiles, dweight, [=](const TilePart<float>& part, float* sum) {
        sum_tiles({part.d, part.x, part.dy, chunk}, part.begin, part.end, sum);
    });
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(narrow_backward_weight);

void winograd_narrow_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    HWY_DYNAMIC_DISPATCH(narrow_backward_weight)(d, x, dy, dweight);
}

}  // namespace moco::cpu
#endif
