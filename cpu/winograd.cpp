// When Winograd's convolution can be used, and when it pays.
#include "cpu/winograd.h"

#include <algorithm>

#include "cpu/winograd_tiles.h"
#include "cpu/winograd_two_by_two.h"

namespace moco::cpu {
namespace {

/// The constants of winograd_cost, fitted to measurements on AVX-512 and AVX2: sizes 2 to 56, 16 to 512 channels,
/// batches 1 to 128.
struct Costs {
    double product;     // one of a tile's, in shorter sums than the direct ones
    double transforms;  // of a tile, for each channel: shared by the pairs that it is part of
    double weights;     // transforming a pair's, or transforming its gradient back
};
Costs costs_of(const Conv2dDims& d, ConvPass pass) {
    const bool weights = pass == ConvPass::backward_weight;
    if (two_by_two_applies(d)) return {1.1, 10, weights ? 100.0 : 10.0};
    if (d.stride == 1) return {1.25, 250, weights ? 400.0 : 100.0};
    return weights ? Costs{1.1, 500, 400} : Costs{1.0, 450, 200};
}

/// The products of all tiles for a pair of channels.
int64_t products_of(const Conv2dDims& d, const TileGrid& grid) {
    if (two_by_two_applies(d)) return d.N * kTwoByTwoPoints;
    if (d.stride == 1) return grid.products();
    // Of both phases: a tile with fewer results along an axis has 4, 6 or 8 products there.
    const auto along = [](int64_t extent) {
        constexpr int64_t of_rest[kTileOut] = {0, 4, 6, 8};
        return extent / kTileOut * 9 + of_rest[extent % kTileOut];
    };
    return grid.N * along(grid.H) * along(grid.W);
}

/// The time of a pass for each pair of an input and a result channel, in multiplications of direct summation.
double winograd_cost(const Conv2dDims& d, ConvPass pass) {
    const Costs costs = costs_of(d, pass);
    const TileGrid grid{d.N, d.OH(), d.OW()};
    const double tiles = static_cast<double>(grid.count()), products = static_cast<double>(products_of(d, grid));
    const double channels = 1.0 / static_cast<double>(d.IC) + 1.0 / static_cast<double>(d.OC);
    return products * costs.product + tiles * costs.transforms * channels + costs.weights;
}

/// The same for direct summation, which skips the taps that meet only padding.
double direct_cost(const Conv2dDims& d) {
    const auto taps = [&](int64_t results, int64_t extent) {
        // The first result's first tap is padding; the last one's last is unless the stride steps over the last pixel.
        return 3 * results - 1 - ((results - 1) * d.stride + 1 >= extent ? 1 : 0);
    };
    return static_cast<double>(d.N * taps(d.OH(), d.H) * taps(d.OW(), d.W));
}

}  // namespace

bool winograd_applies(const Conv2dDims& d) {
    return d.KH == 3 && d.KW == 3 && (d.stride == 1 || d.stride == 2) && d.pad == 1;
}

bool winograd_preferred(const Conv2dDims& d, ConvPass pass) {
    if (!winograd_applies(d)) return false;
    return std::min(d.IC, d.OC) >= 16 && direct_cost(d) > winograd_cost(d, pass);
}

bool winograd_wanted(ConvAlgorithm algorithm, const Conv2dDims& d, ConvPass pass) {
    switch (algorithm) {
        case ConvAlgorithm::direct:
            return false;
        case ConvAlgorithm::winograd:
            return winograd_applies(d);
        case ConvAlgorithm::auto_select:
            return winograd_preferred(d, pass);
    }
    return false;
}

bool winograd_sums_results(const Conv2dDims& d) {
    // Of whole vectors, of so many tiles that adding up each image's sums does not count, and cut by tiles (the smaller
    // weights are transformed once, the images by blocks).
    const TileGrid grid{d.N, d.OH(), d.OW()};
    return d.OC % 16 == 0 && grid.rows() * grid.columns() >= 4 && grid.count() > d.IC;
}

}  // namespace moco::cpu
