// When Winograd's convolution can be used, and when it pays.
#include "cpu/winograd.h"

#include <algorithm>

#include "cpu/winograd_tiles.h"

namespace moco::cpu {
namespace {

/// The time of a pass for each pair of an input and a result channel, in multiplications of direct summation. The
/// constants are fitted to measurements on AVX-512 and AVX2, sizes 2 to 32, 16 to 512 channels, batches 1 to 128.
double winograd_cost(const Conv2dDims& d, ConvPass pass) {
    constexpr double kProduct = 1.25;    // one of a tile's 36, in shorter sums than the direct ones
    constexpr double kTransforms = 250;  // of a tile, for each channel: shared by the pairs that it is part of
    const double weights = pass == ConvPass::backward_weight ? 400 : 100;  // transforming or untransforming a pair's
    const TileGrid grid{d.N, d.H, d.W};
    const double tiles = static_cast<double>(grid.count()), products = static_cast<double>(grid.products());
    const double channels = 1.0 / static_cast<double>(d.IC) + 1.0 / static_cast<double>(d.OC);
    return products * kProduct + tiles * kTransforms * channels + weights;
}

/// The same for direct summation, which skips the taps that meet only padding.
double direct_cost(const Conv2dDims& d) {
    return static_cast<double>(d.N * (3 * d.H - 2) * (3 * d.W - 2));
}

}  // namespace

bool winograd_applies(const Conv2dDims& d) {
    return d.KH == 3 && d.KW == 3 && d.stride == 1 && d.pad == 1;
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

}  // namespace moco::cpu
