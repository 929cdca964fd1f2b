// Which algorithm computes which bf16 convolution.
#include "cpu/winograd_bf16.h"

#include <algorithm>

#include "cpu/conv2d_direct_bf16.h"
#include "cpu/winograd_tiles.h"

namespace moco::cpu {
namespace {

/// What Winograd's products are of, where Winograd is used. The one place to trade accuracy for speed, by pass.
constexpr WinogradProducts products_of(ConvPass) {
    return WinogradProducts::bf16;
}

/// The time of a pass for each pair of an input and a result channel, in multiplications of direct summation in bf16.
/// Fitted to measurements with AVX512_BF16: 4 to 56 pixels, 64 to 512 channels, batches of 16 and 128.
double winograd_cost(const Conv2dDims& d, ConvPass pass) {
    constexpr double kProduct = 1.25;    // one of a tile's 36
    constexpr double kTransforms = 700;  // of a tile, for each channel: shared by the pairs that it is part of
    const double weights = pass == ConvPass::backward_weight ? 400 : 200;  // transforming or untransforming a pair's
    const double tiles = static_cast<double>(TileGrid{d.N, d.H, d.W}.count());
    const double channels = 1.0 / static_cast<double>(d.IC) + 1.0 / static_cast<double>(d.OC);
    return tiles * (kPoints * kProduct + kTransforms * channels) + weights;
}

/// The bf16 convolutions know stride 1 alone: with stride 2 direct products in bf16 are faster.
bool winograd_bf16_applies(const Conv2dDims& d) {
    return winograd_applies(d) && d.stride == 1;
}

bool winograd_pays(const Conv2dDims& d, ConvPass pass) {
    const double direct_cost = static_cast<double>(d.N * (3 * d.H - 2) * (3 * d.W - 2));
    return winograd_bf16_applies(d) && std::min(d.IC, d.OC) >= 16 && direct_cost > winograd_cost(d, pass);
}

bool direct_applies(const Conv2dDims& d, ConvPass pass) {
    switch (pass) {
        case ConvPass::forward:
            return direct_bf16_applies_forward(d);
        case ConvPass::backward_data:
            return direct_bf16_applies_backward_data(d);
        case ConvPass::backward_weight:
            return true;
    }
    return false;
}

}  // namespace

Bf16Algorithm choose_bf16_algorithm(const Conv2dDims& d, ConvPass pass, ConvAlgorithm wanted) {
    if (!has_bf16_products()) return Bf16Algorithm::widened;
    const bool winograd = wanted == ConvAlgorithm::auto_select
                              ? winograd_pays(d, pass)
                              : wanted == ConvAlgorithm::winograd && winograd_bf16_applies(d);
    if (winograd)
        return products_of(pass) == WinogradProducts::bf16 ? Bf16Algorithm::winograd_bf16 : Bf16Algorithm::winograd_f32;
    return direct_applies(d, pass) ? Bf16Algorithm::direct : Bf16Algorithm::widened;
}

}  // namespace moco::cpu
