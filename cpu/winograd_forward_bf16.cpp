// Winograd's convolution of bf16 images forward, and backward for the data: the same with rotated, transposed weights.
//
// The work is cut as in winograd_forward.cpp: by blocks of tiles that stay in L2 from transform to result, or, with few
// tiles and many channels, by panels of result channels. Blocks are twice as large, since values are half as large.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/scratch.h"
#include "cpu/winograd_bf16.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/winograd_forward_bf16.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/pack_bf16-inl.h"
#include "cpu/winograd_bf16-inl.h"
#include "cpu/winograd_tiles.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

#if MOCO_BF16_TARGET
constexpr int64_t kMaxPieces = 32;  // that the tiles are cut into

/// A convolution from K to M channels: forward K = IC, M = OC; backward for the data K = OC, M = IC. P is the type of
/// the transformed values; distances are in P.
template <typename P>
struct Problem {
    TileGrid grid;
    int64_t K, M;
    const uint16_t* input;  // N,H,W,K
    const float* weight;    // OC,3,3,IC
    uint16_t* result;       // N,H,W,M
    ConvPass pass;

    static constexpr int64_t kPad = 64 / sizeof(P);  // a line, so that points fall into different cache sets
    static constexpr int64_t kBlockTiles = 8 / sizeof(P) / 2 * kMaxRows;
    static constexpr int64_t kDepthStep = 4 / sizeof(P);  // values of depth that are multiplied at a time

    int64_t depth() const { return divide_up(K, kDepthStep) * kDepthStep; }
    int64_t panels() const { return panel_count(M); }
    int64_t columns(int64_t panel) const { return std::min(kPanel, M - panel * kPanel); }
    int64_t u_point() const { return depth() * kPanel + kPad; }
    int64_t u_panel() const { return kPoints * u_point(); }
    int64_t v_row() const { return divide_up(K, kLanes) * kLanes + kPad; }
    int64_t v_point(int64_t tiles) const { return tiles * v_row() + kPad; }
};

template <typename P>
P* scratch_of(ScratchUse use, int64_t count) {
    return reinterpret_cast<P*>(scratch(use, divide_up(count * static_cast<int64_t>(sizeof(P)), sizeof(float))));
}

/// stage (9 taps x depth x kPanel) = the weights from `depth` channels k on to a panel's.
template <typename P>
void stage_weights(const Problem<P>& p, int64_t k, int64_t depth, int64_t panel, float* stage) {
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

/// u (36 points x depth x kPanel) = a panel's transformed weights.
template <typename P>
void transform_weights(const Problem<P>& p, int64_t panel, P* u) {
    constexpr int64_t kDepth = 16, kPoint = kDepth * kPanel;
    HWY_ALIGN float stage[9 * kPoint], points[kPoints * kPoint];
    for (int64_t k = 0; k < p.K; k += kDepth) {
        const int64_t depth = std::min(kDepth, p.K - k), step = depth * kPanel;
        stage_weights(p, k, depth, panel, stage);
        const float* taps[9];
        for (int64_t tap = 0; tap < 9; ++tap) taps[tap] = stage + tap * step;
        const auto transform = [](const auto& in, auto& out) HWY_ATTR { weight_1d(in, out); };
        if constexpr (std::is_same_v<P, float>) {
            scatter_to_points<3>(transform, taps, step, u + k * kPanel, p.u_point());
        } else {
            scatter_to_points<3>(transform, taps, step, points, kPoint);
            for (int64_t i = 0; i < kPoints; ++i)
                pair_panel(points + i * kPoint, depth, reinterpret_cast<uint32_t*>(u + i * p.u_point() + k * kPanel));
        }
    }
}

// Not inlined: see scatter_vector.
template <typename P, typename Access>
HWY_NOINLINE void scatter_pixels(const uint16_t* const* pixels, int64_t c, P* points, int64_t point,
                                 const Access access) {
    transform_2d<kTileIn, 6>([](const auto& in, auto& out) HWY_ATTR { input_1d(in, out); },
                             [=](int h, int w) HWY_ATTR { return access.load(pixels[h * kTileIn + w] + c); },
                             [=](int h, int w, FloatVector value)
                                 HWY_ATTR { store_point(value, points + (h * 6 + w) * point + c); });
}
template <typename Access>
HWY_NOINLINE void gather_pixels(const float* points, int64_t point, int64_t c, uint16_t* const* pixels,
                                const Access access) {
    transform_2d<6, kTileOut>(
        [](const auto& in, auto& out) HWY_ATTR { output_1d(in, out); },
        [=](int h, int w) HWY_ATTR { return hn::LoadU(FloatTag(), points + (h * 6 + w) * point + c); },
        [=](int h, int w, FloatVector value) HWY_ATTR { access.store(value, pixels[h * kTileOut + w] + c); });
}

/// v (36 points, `point` apart, each with p.v_row() values a tile) = the transformed tiles [begin, end).
template <typename P>
void transform_input(const Problem<P>& p, int64_t begin, int64_t end, P* v, int64_t point) {
    const auto* outside = reinterpret_cast<const uint16_t*>(zeros(p.K));
    TileCursor cursor(p.grid, begin);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next(), v += p.v_row()) {
        const uint16_t* pixels[kTileIn * kTileIn];
        cursor.addresses<kTileIn, 1>(p.input, p.K, outside, pixels);
        const uint16_t* const* from = pixels;
        for_each_bf16_vector(p.K,
                             [=](int64_t c, const auto access) HWY_ATTR { scatter_pixels(from, c, v, point, access); });
    }
}

/// A panel's results of the tiles [begin, end) from product (36 points x tiles x kPanel).
template <typename P>
void transform_result(const Problem<P>& p, int64_t begin, int64_t end, int64_t panel, const float* product,
                      int64_t point) {
    auto* outside = scratch_of<uint16_t>(ScratchUse::winograd_discarded, kPanel);
    TileCursor cursor(p.grid, begin);
    for (int64_t tile = begin; tile < end; ++tile, cursor.next(), product += kPanel) {
        uint16_t* pixels[kTileOut * kTileOut];
        cursor.addresses<kTileOut, 0>(p.result + panel * kPanel, p.M, outside, pixels);
        uint16_t* const* to = pixels;
        for_each_bf16_vector(p.columns(panel), [=](int64_t c, const auto access)
                                                   HWY_ATTR { gather_pixels(product, point, c, to, access); });
    }
}

void multiply_rows(int64_t rows, const float* v, int64_t v_row, const float* u, int64_t depth, float* product,
                   int64_t columns) {
    multiply(rows, StridedTile{v, v_row, u, depth, product, kPanel, columns, Store::replace});
}
void multiply_rows(int64_t rows, const uint16_t* v, int64_t v_row, const uint16_t* u, int64_t depth, float* product,
                   int64_t columns) {
    const uint16_t* a[kMaxRows];
    float* c[kMaxRows];
    for (int64_t i = 0; i < rows; ++i) {
        a[i] = v + i * v_row;
        c[i] = product + i * kPanel;
    }
    const int64_t start = 0;
    multiply(rows, PairRowsTo<float>{a, &start, 1, depth, u, kPanel, c, columns, Store::replace});
}

/// Asks for `channels` of each pixel of some tiles ahead of their use.
TilePrefetch prefetch_of(const TileGrid& grid, int64_t begin, int64_t end, const uint16_t* images, int64_t step,
                         int64_t channels) {
    // In floats, of two bf16 each; an odd number of channels is a guess, which a prefetch may be.
    return {grid, begin, end, reinterpret_cast<const float*>(images), step / 2, divide_up(channels, 2)};
}

/// A panel's results of the tiles [begin, end). v: their transformed input, points v_point apart; u: the panel's
/// transformed weights; next: memory to ask for in the meantime.
template <typename P>
void convolve_panel(const Problem<P>& p, int64_t begin, int64_t end, int64_t panel, const P* v, int64_t v_point,
                    const P* u, TilePrefetch& next) {
    const int64_t tiles = end - begin, product_point = tiles * kPanel + 16;
    float* product = scratch(ScratchUse::winograd_product, kPoints * product_point);
    TilePrefetch results = prefetch_of(p.grid, begin, end, p.result + panel * kPanel, p.M, p.columns(panel));
    for (int point = 0; point < kPoints; ++point)
        for (int64_t i = 0; i < tile_count(tiles); ++i) {
            const int64_t first = tile_begin(tiles, i), rows = tile_begin(tiles, i + 1) - first;
            multiply_rows(rows, v + point * v_point + first * p.v_row(), p.v_row(), u + point * p.u_point(), p.depth(),
                          product + point * product_point + first * kPanel,
                          p.columns(panel) > kLanes ? kPanel : kLanes);
            next.step();
            results.step();
            results.step();
        }
    transform_result(p, begin, end, panel, product, product_point);
}

template <typename P>
void convolve_by_tiles(const Problem<P>& p) {
    P* u = scratch_of<P>(ScratchUse::winograd_weight, p.panels() * p.u_panel());
    parallel_for(p.panels(), 1, [&](int64_t begin, int64_t end) {
        for (int64_t panel = begin; panel < end; ++panel) transform_weights(p, panel, u + panel * p.u_panel());
    });
    const int64_t tiles = p.grid.count(), blocks = divide_up(tiles, p.kBlockTiles);
    const auto block_begin = [&](int64_t block) { return tiles * block / blocks; };
    parallel_for(blocks, divide_up(blocks, kMaxPieces), [&](int64_t first, int64_t last) {
        const int64_t v_point = p.v_point(p.kBlockTiles);
        P* v = scratch_of<P>(ScratchUse::winograd_input, kPoints * v_point);
        for (int64_t block = first; block < last; ++block) {
            const int64_t begin = block_begin(block), end = block_begin(block + 1);
            transform_input(p, begin, end, v, v_point);
            TilePrefetch next =
                prefetch_of(p.grid, end, block + 1 < last ? block_begin(block + 2) : end, p.input, p.K, p.K);
            for (int64_t panel = 0; panel < p.panels(); ++panel)
                convolve_panel(p, begin, end, panel, v, v_point, u + panel * p.u_panel(), next);
        }
    });
}

template <typename P>
void convolve_by_panels(const Problem<P>& p) {
    constexpr int64_t kChunkTiles = 4 * kMaxRows;
    const int64_t tiles = p.grid.count(), v_point = p.v_point(tiles), chunks = divide_up(tiles, kChunkTiles);
    P* v = scratch_of<P>(ScratchUse::winograd_input, kPoints * v_point);
    parallel_for(tiles, 4,
                 [&](int64_t begin, int64_t end) { transform_input(p, begin, end, v + begin * p.v_row(), v_point); });
    parallel_for(p.panels(), 1, [&](int64_t panel, int64_t) {
        P* u = scratch_of<P>(ScratchUse::winograd_weight, p.u_panel());
        transform_weights(p, panel, u);
        for (int64_t chunk = 0; chunk < chunks; ++chunk) {
            const int64_t begin = tiles * chunk / chunks, end = tiles * (chunk + 1) / chunks;
            TilePrefetch nothing(p.grid, 0, 0, nullptr, 0, 0);
            convolve_panel(p, begin, end, panel, v + begin * p.v_row(), v_point, u, nothing);
        }
    });
}

template <typename P>
void convolve(const Problem<P>& p) {
    if (p.grid.count() < p.K && p.panels() > 1) {
        convolve_by_panels(p);
    } else {
        convolve_by_tiles(p);
    }
}

void forward(const Conv2dDims& d, WinogradProducts products, const uint16_t* x, const float* weight, uint16_t* y) {
    const TileGrid grid{d.N, d.H, d.W};
    if (products == WinogradProducts::bf16) {
        convolve(Problem<uint16_t>{grid, d.IC, d.OC, x, weight, y, ConvPass::forward});
    } else {
        convolve(Problem<float>{grid, d.IC, d.OC, x, weight, y, ConvPass::forward});
    }
}

void backward_data(const Conv2dDims& d, WinogradProducts products, const uint16_t* dy, const float* weight,
                   uint16_t* dx) {
    const TileGrid grid{d.N, d.H, d.W};
    if (products == WinogradProducts::bf16) {
        convolve(Problem<uint16_t>{grid, d.OC, d.IC, dy, weight, dx, ConvPass::backward_data});
    } else {
        convolve(Problem<float>{grid, d.OC, d.IC, dy, weight, dx, ConvPass::backward_data});
    }
}
#else
// Never called: has_bf16_products() says so.
void forward(const Conv2dDims&, WinogradProducts, const uint16_t*, const float*, uint16_t*) {}
void backward_data(const Conv2dDims&, WinogradProducts, const uint16_t*, const float*, uint16_t*) {}
#endif

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {
namespace {

HWY_EXPORT(forward);
HWY_EXPORT(backward_data);

}  // namespace

void winograd_forward_bf16(const Conv2dDims& d, WinogradProducts products, const uint16_t* x, const float* weight,
                           uint16_t* y) {
    HWY_DYNAMIC_DISPATCH(forward)(d, products, x, weight, y);
}

void winograd_backward_data_bf16(const Conv2dDims& d, WinogradProducts products, const uint16_t* dy,
                                 const float* weight, uint16_t* dx) {
    HWY_DYNAMIC_DISPATCH(backward_data)(d, products, dy, weight, dx);
}

}  // namespace moco::cpu
#endif
