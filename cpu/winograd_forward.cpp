// Winograd's convolution forward, and backward for the data: the same with rotated, transposed weights.
//
// The work is cut in one of two ways, whichever moves less memory. With many tiles, by tiles: the weights are
// transformed once, then each piece of work takes a block of tiles through everything while it stays in the core's
// cache: transform the input, multiply at each of the 36 points, transform the product back. With few tiles and many
// channels, by panels of result channels: the input is transformed once, and each piece transforms the weights of its
// panel, which are larger than the images, just before it uses them.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/scratch.h"
#include "cpu/winograd.h"
#include "cpu/winograd_parts.h"
#include "cpu/winograd_strided.h"
#include "cpu/winograd_two_by_two.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/winograd_forward.cpp"  // this file
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"
#include "cpu/winograd_sums-inl.h"
#include "cpu/winograd_tiles.h"
#include "cpu/winograd_transforms-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Floats between what belongs to neighbouring rows or points, beyond the values themselves: without them the 36 points
/// of a tile would fall into the same cache sets.
constexpr int64_t kPad = 16;
/// Tiles that go through everything together: about a dozen, in whole micro-tiles, but one micro-tile where the
/// transformed input of more would leave L2 too little room for the weights.
constexpr int64_t kBlockTiles = divide_up(12, kMaxRows) * kMaxRows;
constexpr int64_t kBlockFloats = 1 << 16;
/// Panels whose results are transformed together: two cache lines of each pixel, unless vectors are shorter than
/// AVX2's.
constexpr int64_t kTogether = kPanel < 2 * kFetch ? 2 : 1;

/// A convolution from K to M channels: forward K = IC, M = OC; backward for the data K = OC, M = IC.
struct Problem {
    TileGrid grid;
    int64_t K, M;
    const float* input;   // N,H,W,K
    const float* weight;  // OC,3,3,IC
    float* result;        // N,H,W,M
    ConvPass pass;
    double* sums = nullptr;  // or null; N x 2 x M: each image's sums of the results and of their squares
    NeededTiles needed{grid};

    int64_t panels() const { return panel_count(M); }
    int64_t columns(int64_t panel) const { return std::min(kPanel, M - panel * kPanel); }
    int64_t u_point() const { return K * kPanel + kPad; }
    int64_t u_panel() const { return kPoints * u_point(); }
    int64_t v_row() const { return divide_up(K, kLanes) * kLanes + kPad; }
    int64_t v_point(int64_t tiles) const { return tiles * v_row() + kPad; }
    int64_t block_tiles() const { return kPoints * v_point(kBlockTiles) <= kBlockFloats ? kBlockTiles : kMaxRows; }
};

/// stage (9 taps x depth x kPanel) = the weights from `depth` channels k on to a panel's.
void stage_weights(const Problem& p, int64_t k, int64_t depth, int64_t panel, float* stage) {
    const int64_t m = panel * kPanel;
    for (int64_t tap = 0; tap < 9; ++tap, stage += depth * kPanel) {
        if (p.pass == ConvPass::forward) {
            pack_panel_transposed(p.weight + (m * 9 + tap) * p.K + k, 9 * p.K, depth, p.columns(panel), stage);
        } else {
            // Rotated: the last tap comes first.
            pack_panel(p.weight + (k * 9 + 8 - tap) * p.M + m, 9 * p.M, depth, p.columns(panel), stage);
        }
    }
}

/// u (36 points x K x kPanel) = a panel's transformed weights, of the channels from k on.
void transform_weights(const Problem& p, int64_t panel, int64_t k, float* u) {
    HWY_ALIGN float stage[9 * kWeightDepth * kPanel];
    const int64_t depth = std::min(kWeightDepth, p.K - k), step = depth * kPanel;
    stage_weights(p, k, depth, panel, stage);
    const float* taps[9];
    for (int64_t tap = 0; tap < 9; ++tap) taps[tap] = stage + tap * step;
    scatter_to_points<3>([](const auto& in, auto& out) HWY_ATTR { weight_1d(in, out); }, taps, step, u + k * kPanel,
                         p.u_point());
}

/// v (36 points, `point` floats apart, each with p.v_row() floats a tile) = the transformed tiles [begin, end).
void transform_input(const Problem& p, int64_t begin, int64_t end, float* v, int64_t point) {
    const float* outside = zeros(p.K);
    float* extended = scratch(ScratchUse::winograd_extended, kExtendedPixels * extended_pixel(p.K));
    TileCursor cursor(p.grid, begin);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next(), v += p.v_row()) {
        const float* pixels[kTileIn * kTileIn];
        cursor.addresses<kTileIn, 1>(p.input, p.K, outside, pixels);
        extend_tile(cursor, pixels, p.K, extended);
        scatter_to_points<kTileIn>([](const auto& in, auto& out) HWY_ATTR { input_1d(in, out); }, pixels, p.K, v,
                                   point);
    }
}

/// The results of `panels` panels, from `panel` on, of the tiles [begin, end) from product (36 points x tiles x panels
/// x kPanel).
template <int64_t panels>
void transform_result(const Problem& p, int64_t begin, int64_t end, int64_t panel, const float* product,
                      int64_t point) {
    const int64_t first = panel * kPanel, columns = std::min(p.M - first, panels * kPanel);
    float* outside = scratch(ScratchUse::winograd_discarded, panels * kPanel);
    TileCursor cursor(p.grid, begin);
    ImageSums<panels * kPanel> sums(p.sums, p.M, first, columns);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next(), product += panels * kPanel) {
        float* pixels[kTileOut * kTileOut];
        cursor.addresses<kTileOut, 0>(p.result + first, p.M, outside, pixels);
        gather_from_points<kTileOut>([](const auto& in, auto& out) HWY_ATTR { output_1d(in, out); }, product, point,
                                     columns, pixels);
        sums.add(cursor, pixels);
    }
    sums.finish();
}

/// Zeros to whole vectors, few of them: a call would be seen.
HWY_INLINE void clear(float* values, int64_t count) {
    for (int64_t i = 0; i < count; i += kLanes) hn::StoreU(hn::Zero(FloatTag()), FloatTag(), values + i);
}

/// The results of `panels` panels, from `panel` on, of the tiles [begin, end). v: their transformed input, points
/// v_point apart; u: the panels' transformed weights; next: memory to ask for in the meantime.
template <int64_t panels>
void convolve_panels(const Problem& p, int64_t begin, int64_t end, int64_t panel, const float* v, int64_t v_point,
                     const float* u, TilePrefetch& next) {
    constexpr int64_t kRow = panels * kPanel;
    const int64_t tiles = end - begin, product_point = tiles * kRow + kPad, channels = p.M - panel * kPanel;
    float* product = scratch(ScratchUse::winograd_product, kPoints * product_point);
    TilePrefetch results(p.grid, begin, end, p.result + panel * kPanel, p.M, std::min(channels, kRow));
    for (int point = 0; point < kPoints; ++point) {
        const auto [from, to] = p.needed.within(point, begin, end);
        float* here = product + point * product_point;
        clear(here, from * kRow);
        clear(here + to * kRow, (tiles - to) * kRow);
        for (int64_t i = 0; i < panels; ++i)
            multiply_rows(to - from,
                          StridedTile{v + point * v_point + from * p.v_row(), p.v_row(),
                                      u + i * p.u_panel() + point * p.u_point(), p.K, here + from * kRow + i * kPanel,
                                      kRow, channels - i * kPanel > kLanes ? kPanel : kLanes, Store::replace},
                          [&]() HWY_ATTR {
                              next.step();
                              results.step();
                              results.step();
                          });
    }
    transform_result<panels>(p, begin, end, panel, product, product_point);
}

/// Those images, for one run of their tiles.
Problem images_of(const Problem& p, ImageGroup images, int64_t run) {
    const int64_t pixel = images.begin * p.grid.H * p.grid.W;
    return {{images.end - images.begin, p.grid.H, p.grid.W},
            p.K,
            p.M,
            p.input + pixel * p.K,
            p.weight,
            p.result + pixel * p.M,
            p.pass,
            begin_sums(p.sums, p.grid.N, p.M, images, run)};
}

/// The results of the run'th of `runs` parts of p's tiles. u: all transformed weights. The next block is fetched during
/// the products.
void convolve_run(const Problem& p, int64_t run, int64_t runs, const float* u) {
    const int64_t tiles = p.grid.count(), blocks = divide_up(tiles, p.block_tiles());
    const auto block_begin = [&](int64_t block) { return tile_begin(tiles, block, p.block_tiles()); };
    const int64_t last = blocks * (run + 1) / runs;
    const int64_t v_point = p.v_point(p.block_tiles());
    float* v = scratch(ScratchUse::winograd_input, kPoints * v_point);
    for (int64_t block = blocks * run / runs; block < last; ++block) {
        const int64_t begin = block_begin(block), end = block_begin(block + 1);
        transform_input(p, begin, end, v, v_point);
        TilePrefetch next(p.grid, end, block + 1 < blocks ? block_begin(block + 2) : end, p.input, p.K, p.K);
        for (int64_t panel = 0; panel < p.panels();) {
            const float* weights = u + panel * p.u_panel();
            if (panel + kTogether <= p.panels()) {
                convolve_panels<kTogether>(p, begin, end, panel, v, v_point, weights, next);
                panel += kTogether;
            } else {
                convolve_panels<1>(p, begin, end, panel++, v, v_point, weights, next);
            }
        }
    }
}

void convolve_by_tiles(const Problem& p) {
    for_each_run(
        p.grid, kBlockTiles, {p.panels() * p.u_panel(), p.panels(), p.K},
        [&](int64_t panel, int64_t k, float* u) { transform_weights(p, panel, k, u + panel * p.u_panel()); },
        [&](ImageGroup images, int64_t run, int64_t runs, const float* u) {
            convolve_run(images_of(p, images, run), run, runs, u);
        });
}

void convolve_by_panels(const Problem& p) {
    constexpr int64_t kChunkTiles = 4 * kMaxRows;
    const int64_t tiles = p.grid.count(), v_point = p.v_point(tiles), chunks = divide_up(tiles, kChunkTiles);
    float* v = scratch(ScratchUse::winograd_input, kPoints * v_point);
    parallel_for(tiles, 4,
                 [&](int64_t begin, int64_t end) { transform_input(p, begin, end, v + begin * p.v_row(), v_point); });
    parallel_for(p.panels(), 1, [&](int64_t panel, int64_t) {
        float* u = scratch(ScratchUse::winograd_weight, p.u_panel());
        for (int64_t k = 0; k < p.K; k += kWeightDepth) transform_weights(p, panel, k, u);
        for (int64_t chunk = 0; chunk < chunks; ++chunk) {
            const int64_t begin = tile_begin(tiles, chunk, kChunkTiles),
                          end = tile_begin(tiles, chunk + 1, kChunkTiles);
            TilePrefetch nothing(p.grid, 0, 0, nullptr, 0, 0);
            convolve_panels<1>(p, begin, end, panel, v + begin * p.v_row(), v_point, u, nothing);
        }
    });
}

void convolve(const Problem& p) {
    if (p.grid.count() < p.K && p.panels() > 1) {
        convolve_by_panels(p);
    } else {
        convolve_by_tiles(p);
    }
}

}  // namespace

void forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    convolve({{d.N, d.H, d.W}, d.IC, d.OC, x, weight, y, ConvPass::forward});
}

void forward_with_sums(const Conv2dDims& d, const float* x, const float* weight, float* y, const ResultSums& sums) {
    sum_results(d, kBlockTiles, sums, [&](double* of_images) {
        convolve_by_tiles({{d.N, d.H, d.W}, d.IC, d.OC, x, weight, y, ConvPass::forward, of_images});
    });
}

void backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    convolve({{d.N, d.H, d.W}, d.OC, d.IC, dy, weight, dx, ConvPass::backward_data});
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(forward);
HWY_EXPORT(forward_with_sums);
HWY_EXPORT(backward_data);

void winograd_forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    if (d.stride == 2) return winograd_strided_forward(d, x, weight, y);
    if (two_by_two_applies(d)) return winograd_two_by_two_forward(d, x, weight, y);
    HWY_DYNAMIC_DISPATCH(forward)(d, x, weight, y);
}

void winograd_forward_with_sums(const Conv2dDims& d, const float* x, const float* weight, float* y,
                                const ResultSums& sums) {
    if (d.stride == 2) return winograd_strided_forward_with_sums(d, x, weight, y, sums);
    HWY_DYNAMIC_DISPATCH(forward_with_sums)(d, x, weight, y, sums);
}

void winograd_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    if (d.stride == 2) return winograd_strided_backward_data(d, dy, weight, dx);
    if (two_by_two_applies(d)) return winograd_two_by_two_backward_data(d, dy, weight, dx);
    HWY_DYNAMIC_DISPATCH(backward_data)(d, dy, weight, dx);
}

}  // namespace moco::cpu
#endif
