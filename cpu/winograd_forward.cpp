// Winograd's convolution forward, and backward for the data: the same with rotated, transposed weights.
//
// The weights are transformed once, panel by panel of kPanel result channels. Then each piece of work takes a block of
// tiles through everything while it stays in the core's cache: transform the input, multiply at each of the 36 points,
// transform the product back.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/scratch.h"
#include "cpu/winograd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/winograd_forward.cpp"  // this file
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/microkernel-inl.h"
#include "cpu/winograd_tiles.h"
#include "cpu/winograd_transforms-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Floats between what belongs to neighbouring rows or points. The extra ones keep the addresses of a tile's 36 points
/// from falling into the same cache sets.
constexpr int64_t kPad = 16;

int64_t row_step(int64_t channels) {
    return (channels + kLanes - 1) / kLanes * kLanes + kPad;
}

/// A convolution from K to M channels: forward K = IC, M = OC; backward for the data K = OC, M = IC.
struct Problem {
    TileGrid grid;
    int64_t K, M;
    const float* weight;
    int64_t weight_k, weight_m, weight_tap;  // the weight of (k, m, tap) is weight[k * weight_k + m * weight_m + ...]
    const float* input;                      // N,H,W,K
    float* result;                           // N,H,W,M

    int64_t panels() const { return (M + kPanel - 1) / kPanel; }
    int64_t weights_point() const { return K * kPanel + kPad; }
};

/// Copies kLanes weights of successive m into a vector, zeros beyond M.
HWY_INLINE FloatVector load_weights(const Problem& p, int64_t k, int64_t m, int64_t tap) {
    const float* from = p.weight + k * p.weight_k + m * p.weight_m + tap * p.weight_tap;
    const int64_t lanes = std::min(kLanes, p.M - m);
    if (p.weight_m == 1) return lanes == kLanes ? hn::LoadU(FloatTag(), from) : load_some(from, lanes);
    HWY_ALIGN float buffer[kLanes] = {};
    for (int64_t i = 0; i < lanes; ++i) buffer[i] = from[i * p.weight_m];
    return hn::Load(FloatTag(), buffer);
}

/// u: 36 points x K x kPanel, the transformed weights of the result channels from `m` on.
void transform_weights(const Problem& p, int64_t m, float* u) {
    for (int64_t k = 0; k < p.K; ++k)
        for (int64_t v = 0; v < kPanel; v += kLanes) {
            if (m + v >= p.M) continue;
            float* to = u + k * kPanel + v;
            transform_2d<3, 6>([](const auto& in, auto& out) HWY_ATTR { weight_1d(in, out); },
                               [&](int h, int w) HWY_ATTR { return load_weights(p, k, m + v, h * 3 + w); },
                               [&](int h, int w, FloatVector value)
                                   HWY_ATTR { hn::StoreU(value, FloatTag(), to + (h * 6 + w) * p.weights_point()); });
        }
}

/// v: the tile's row at the first point; the points are `point` apart.
void transform_input(const Problem& p, int64_t tile, float* v, int64_t point) {
    const float* pixels[kPoints];
    tile_addresses(p.grid, tile, kTileIn, 1, p.input, p.K, zeros(p.K), pixels);
    for (int64_t k = 0; k < p.K; k += kLanes) {
        const int64_t lanes = std::min(kLanes, p.K - k);
        transform_2d<6, 6>([](const auto& in, auto& out) HWY_ATTR { input_1d(in, out); },
                           [&](int h, int w) HWY_ATTR {
                               const float* from = pixels[h * 6 + w] + k;
                               return lanes == kLanes ? hn::LoadU(FloatTag(), from) : load_some(from, lanes);
                           },
                           [&](int h, int w, FloatVector value)
                               HWY_ATTR { hn::StoreU(value, FloatTag(), v + (h * 6 + w) * point + k); });
    }
}

/// Results m.. (at most kPanel channels) of a tile from its row of products.
void transform_result(const Problem& p, int64_t tile, int64_t m, const float* product, int64_t point) {
    float* pixels[kTileOut * kTileOut];
    tile_addresses(p.grid, tile, kTileOut, 0, p.result, p.M, scratch(ScratchUse::winograd_discarded, p.M), pixels);
    for (int64_t c = 0; c < kPanel && m + c < p.M; c += kLanes) {
        const int64_t lanes = std::min(kLanes, p.M - m - c);
        transform_2d<6, 4>([](const auto& in, auto& out) HWY_ATTR { output_1d(in, out); },
                           [&](int h, int w)
                               HWY_ATTR { return hn::LoadU(FloatTag(), product + (h * 6 + w) * point + c); },
                           [&](int h, int w, FloatVector value) HWY_ATTR {
                               float* to = pixels[h * 4 + w] + m + c;
                               if (lanes == kLanes)
                                   hn::StoreU(value, FloatTag(), to);
                               else
                                   store_some(value, to, lanes);
                           });
    }
}

/// Everything for the tiles [begin, end). u: the transformed weights of all panels.
void convolve_tiles(const Problem& p, const float* u, int64_t begin, int64_t end) {
    const int64_t tiles = end - begin, v_row = row_step(p.K), v_point = tiles * v_row + kPad;
    const int64_t product_point = tiles * kPanel + kPad;
    float* v = scratch(ScratchUse::winograd_input, kPoints * v_point);
    float* product = scratch(ScratchUse::winograd_product, kPoints * product_point);
    for (int64_t t = 0; t < tiles; ++t) transform_input(p, begin + t, v + t * v_row, v_point);
    for (int64_t panel = 0; panel < p.panels(); ++panel) {
        const int64_t columns = std::min(kPanel, p.M - panel * kPanel);
        for (int point = 0; point < kPoints; ++point) {
            const float* u_point = u + (panel * kPoints + point) * p.weights_point();
            for (int64_t i = 0; i < tile_count(tiles); ++i) {
                const int64_t first = tile_begin(tiles, i);
                multiply_strided(tile_begin(tiles, i + 1) - first, v + point * v_point + first * v_row, v_row, u_point,
                                 p.K, product + point * product_point + first * kPanel, kPanel,
                                 columns > kLanes ? kPanel : kLanes, Store::replace);
            }
        }
        for (int64_t t = 0; t < tiles; ++t)
            transform_result(p, begin + t, panel * kPanel, product + t * kPanel, product_point);
    }
}

constexpr int64_t kBlockTiles = 2 * kMaxRows;

void convolve(const Problem& p) {
    float* u = scratch(ScratchUse::winograd_weight, p.panels() * kPoints * p.weights_point());
    parallel_for(p.panels(), 1, [&](int64_t begin, int64_t end) {
        for (int64_t panel = begin; panel < end; ++panel)
            transform_weights(p, panel * kPanel, u + panel * kPoints * p.weights_point());
    });
    parallel_for(p.grid.count(), kBlockTiles, [&](int64_t begin, int64_t end) { convolve_tiles(p, u, begin, end); });
}

}  // namespace

void forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    convolve({{d.N, d.H, d.W}, d.IC, d.OC, weight, 1, 9 * d.IC, d.IC, x, y});
}

void backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    // Rotated: the last tap comes first.
    convolve({{d.N, d.H, d.W}, d.OC, d.IC, weight + 8 * d.IC, 9 * d.IC, 1, -d.IC, dy, dx});
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(forward);
HWY_EXPORT(backward_data);

void winograd_forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    HWY_DYNAMIC_DISPATCH(forward)(d, x, weight, y);
}

void winograd_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    HWY_DYNAMIC_DISPATCH(backward_data)(d, dy, weight, dx);
}

}  // namespace moco::cpu
#endif
