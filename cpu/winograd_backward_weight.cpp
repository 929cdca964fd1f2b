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

template <int In, int Offset, typename Transform>
HWY_INLINE void transform_operand(const TileGrid& grid, const Operand& operand, const Transform& transform_1d,
                                  int64_t tile, float* to, int64_t point) {
    const float* pixels[In * In];
    tile_addresses(grid, tile, In, Offset, operand.images, operand.channels, zeros(operand.channels), pixels);
    for (int64_t c = 0; c < operand.channels; c += kLanes) {
        const int64_t lanes = std::min(kLanes, operand.channels - c);
        transform_2d<In, 6>(
            transform_1d,
            [&](int h, int w) HWY_ATTR {
                const float* from = pixels[h * In + w] + c;
                return lanes == kLanes ? hn::LoadU(FloatTag(), from) : load_some(from, lanes);
            },
            [&](int h, int w, FloatVector value)
                HWY_ATTR { hn::StoreU(value, FloatTag(), to + (h * 6 + w) * point + c); });
    }
}

void transform_x(const Problem& p, int64_t tile, float* v, int64_t point) {
    transform_operand<kTileIn, 1>(
        p.grid, p.x, [](const auto& in, auto& out) HWY_ATTR { input_1d(in, out); }, tile, v, point);
}

void transform_dy(const Problem& p, int64_t tile, float* g, int64_t point) {
    transform_operand<kTileOut, 0>(
        p.grid, p.dy, [](const auto& in, auto& out) HWY_ATTR { gradient_1d(in, out); }, tile, g, point);
}

/// product (36 points x OC x IC) += the tiles [begin, end), or = if `store` says so.
void accumulate_tiles(const Problem& p, int64_t begin, int64_t end, float* product, Store store) {
    const int64_t tiles = end - begin, v_point = p.x.point(tiles), g_point = p.dy.point(tiles);
    float* v = scratch(ScratchUse::winograd_input, kPoints * v_point);
    float* g = scratch(ScratchUse::winograd_gradient, kPoints * g_point);
    for (int64_t t = 0; t < tiles; ++t) {
        transform_x(p, begin + t, v + t * p.x.row(), v_point);
        transform_dy(p, begin + t, g + t * p.dy.row(), g_point);
    }
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
    for (int64_t oc = 0; oc < p.dy.channels; ++oc)
        for (int64_t ic = 0; ic < p.x.channels; ic += kLanes) {
            const int64_t lanes = std::min(kLanes, p.x.channels - ic);
            const float* from = product + oc * p.x.row() + ic;
            float* to = dweight + oc * 9 * p.x.channels + ic;
            transform_2d<6, 3>([](const auto& in, auto& out) HWY_ATTR { weight_gradient_1d(in, out); },
                               [&](int h, int w)
                                   HWY_ATTR { return hn::LoadU(FloatTag(), from + (h * 6 + w) * p.product_point()); },
                               [&](int h, int w, FloatVector value) HWY_ATTR {
                                   float* tap = to + (h * 3 + w) * p.x.channels;
                                   if (lanes == kLanes)
                                       hn::StoreU(value, FloatTag(), tap);
                                   else
                                       store_some(value, tap, lanes);
                               });
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

}  // namespace

void backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
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
