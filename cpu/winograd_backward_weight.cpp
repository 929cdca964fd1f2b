// Winograd's convolution backward for the weights: per point, a product of transformed gradients and transformed input,
// summed over all tiles; transformed back once at the end.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/scratch.h"
#include "cpu/winograd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/winograd_backward_weight.cpp"  // this file
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/microkernel-inl.h"
#include "cpu/winograd_tiles.h"
#include "cpu/winograd_transforms-inl.h"
#include "cpu/winograd_weight_by_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// x or dy with its transform's row and point distances in floats.
struct Operand {
    const float* images;  // N,H,W,channels
    int64_t channels;

    int64_t row() const { return (channels + kLanes - 1) / kLanes * kLanes + 16; }
    int64_t point(int64_t tiles) const { return tiles * row() + 16; }
};

struct Problem {
    TileGrid grid;
    Operand x, dy;

    int64_t product_point() const { return dy.channels * x.row() + 16; }
    int64_t weight_count() const { return dy.channels * 9 * x.channels; }
};

/// v (36 points, `point` floats apart, each with p.x.row() floats a tile) = the tiles [begin, end) of x.
void transform_x(const Problem& p, int64_t begin, int64_t end, float* v, int64_t point) {
    const float* outside = zeros(p.x.channels);
    TileCursor cursor(p.grid, begin);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next(), v += p.x.row()) {
        const float* pixels[kTileIn * kTileIn];
        cursor.addresses<kTileIn, 1>(p.x.images, p.x.channels, outside, pixels);
        scatter_to_points<kTileIn>([](const auto& in, auto& out) HWY_ATTR { input_1d(in, out); }, pixels, p.x.channels,
                                   v, point);
    }
}

/// g = the same tiles of dy.
void transform_dy(const Problem& p, int64_t begin, int64_t end, float* g, int64_t point) {
    const float* outside = zeros(p.dy.channels);
    TileCursor cursor(p.grid, begin);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next(), g += p.dy.row()) {
        const float* pixels[kTileOut * kTileOut];
        cursor.addresses<kTileOut, 0>(p.dy.images, p.dy.channels, outside, pixels);
        scatter_to_points<kTileOut>([](const auto& in, auto& out) HWY_ATTR { gradient_1d(in, out); }, pixels,
                                    p.dy.channels, g, point);
    }
}

/// product (36 points x OC x IC) += the tiles [begin, end), or = if `store` says so.
void accumulate_tiles(const Problem& p, int64_t begin, int64_t end, float* product, Store store) {
    const int64_t tiles = end - begin, v_point = p.x.point(tiles), g_point = p.dy.point(tiles);
    float* v = scratch(ScratchUse::winograd_input, kPoints * v_point);
    float* g = scratch(ScratchUse::winograd_gradient, kPoints * g_point);
    transform_x(p, begin, end, v, v_point);
    transform_dy(p, begin, end, g, g_point);
    for (int point = 0; point < kPoints; ++point)
        for (int64_t ic = 0; ic < p.x.channels; ic += kPanel)
            for (int64_t i = 0; i < tile_count(p.dy.channels); ++i) {
                const int64_t oc = tile_begin(p.dy.channels, i), rows = tile_begin(p.dy.channels, i + 1) - oc;
                const float* a = g + point * g_point + oc;
                const float* b = v + point * v_point + ic;
                multiply(rows, ColumnTile{&a, &b, &tiles, 1, p.dy.row(), p.x.row(),
                                          product + point * p.product_point() + oc * p.x.row() + ic, p.x.row(),
                                          p.x.channels - ic > kLanes ? kPanel : kLanes, store});
            }
}

/// dweight (OC,3,3,IC) from product.
void transform_product(const Problem& p, const float* product, float* dweight) {
    for (int64_t oc = 0; oc < p.dy.channels; ++oc) {
        float* taps[9];
        for (int64_t i = 0; i < 9; ++i) taps[i] = dweight + (oc * 9 + i) * p.x.channels;
        gather_from_points<3>([](const auto& in, auto& out) HWY_ATTR { weight_gradient_1d(in, out); },
                              product + oc * p.x.row(), p.product_point(), p.x.channels, taps);
    }
}

/// sum = the sum of `count` arrays of `size` floats, in their order.
void add_partials(const float* partials, int64_t count, int64_t size, float* sum) {
    parallel_for(size, 4096, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            float total = partials[i];
            for (int64_t k = 1; k < count; ++k) total += partials[k * size + i];
            sum[i] = total;
        }
    });
}

constexpr int64_t kBlockTiles = 32;
/// IC * OC above which the products no longer stay in a core's cache.
constexpr int64_t kByTilesWeights = 64 * 64;

}  // namespace

void backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    if (d.IC * d.OC > kByTilesWeights) return by_rows::backward_weight(d, x, dy, dweight);
    const Problem p{{d.N, d.H, d.W}, {x, d.IC}, {dy, d.OC}};
    const int64_t blocks = (p.grid.count() + kBlockTiles - 1) / kBlockTiles;
    const int64_t grain = partial_grain(blocks), count = (blocks + grain - 1) / grain;
    float* partials = scratch(ScratchUse::partials, count * p.weight_count());
    parallel_for(blocks, grain, [&](int64_t begin, int64_t end) {
        float* product = scratch(ScratchUse::winograd_product, kPoints * p.product_point());
        for (int64_t block = begin; block < end; ++block)
            accumulate_tiles(p, block * kBlockTiles, std::min((block + 1) * kBlockTiles, p.grid.count()), product,
                             block == begin ? Store::replace : Store::add);
        transform_product(p, product, partials + begin / grain * p.weight_count());
    });
    add_partials(partials, count, p.weight_count(), dweight);
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
