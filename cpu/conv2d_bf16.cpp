// The convolutions of bf16 images: which kernel computes which shape, and the f32 ones on widened copies for processors
// without bf16 products.
#include "cpu/conv2d_bf16.h"

#include <optional>

#include "core/bf16.h"
#include "core/parallel.h"
#include "cpu/conv2d_direct.h"
#include "cpu/conv2d_direct_bf16.h"
#include "cpu/grain.h"
#include "cpu/scratch.h"
#include "cpu/winograd.h"
#include "cpu/winograd_bf16.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/conv2d_bf16.cpp"
#include "cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

// Plain loops, which the compiler turns into the target's vectors.
void widen(const uint16_t* from, int64_t count, float* to) {
    parallel_for(count, element_grain(count), [=](int64_t begin, int64_t end) HWY_ATTR {
        for (int64_t i = begin; i < end; ++i) to[i] = bf16_to_float(from[i]);
    });
}

void narrow(const float* from, int64_t count, uint16_t* to) {
    parallel_for(count, element_grain(count), [=](int64_t begin, int64_t end) HWY_ATTR {
        for (int64_t i = begin; i < end; ++i) to[i] = float_to_bf16(from[i]);
    });
}

void round(const float* from, int64_t count, float* to) {
    parallel_for(count, element_grain(count), [=](int64_t begin, int64_t end) HWY_ATTR {
        for (int64_t i = begin; i < end; ++i) to[i] = bf16_to_float(float_to_bf16(from[i]));
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {
namespace {

HWY_EXPORT(widen);
HWY_EXPORT(narrow);
HWY_EXPORT(round);

const float* widened(const uint16_t* values, int64_t count, ScratchUse use) {
    float* copy = scratch(use, count);
    HWY_DYNAMIC_DISPATCH(widen)(values, count, copy);
    return copy;
}

const float* rounded(const float* weight, int64_t count) {
    float* copy = scratch(ScratchUse::bf16_weight, count);
    HWY_DYNAMIC_DISPATCH(round)(weight, count, copy);
    return copy;
}

/// What a Winograd algorithm multiplies; nothing for the others.
std::optional<WinogradProducts> winograd_products(Bf16Algorithm algorithm) {
    if (algorithm == Bf16Algorithm::winograd_bf16) return WinogradProducts::bf16;
    if (algorithm == Bf16Algorithm::winograd_f32) return WinogradProducts::f32;
    return std::nullopt;
}

}  // namespace

void conv2d_forward_bf16(const Conv2dDims& d, const uint16_t* x, const float* weight, uint16_t* y,
                         ConvAlgorithm wanted) {
    const Bf16Algorithm algorithm = choose_bf16_algorithm(d, ConvPass::forward, wanted);
    if (const auto products = winograd_products(algorithm)) return winograd_forward_bf16(d, *products, x, weight, y);
    if (algorithm == Bf16Algorithm::direct) return direct_forward_bf16(d, x, weight, y);
    const float* wide_x = widened(x, d.x_count(), ScratchUse::bf16_input);
    const float* rounded_weight = rounded(weight, d.weight_count());
    float* wide_y = scratch(ScratchUse::bf16_result, d.y_count());
    (winograd_wanted(wanted, d, ConvPass::forward) ? winograd_forward : direct_forward)(d, wide_x, rounded_weight,
                                                                                        wide_y);
    HWY_DYNAMIC_DISPATCH(narrow)(wide_y, d.y_count(), y);
}

void conv2d_backward_data_bf16(const Conv2dDims& d, const uint16_t* dy, const float* weight, uint16_t* dx,
                               ConvAlgorithm wanted) {
    const Bf16Algorithm algorithm = choose_bf16_algorithm(d, ConvPass::backward_data, wanted);
    if (const auto products = winograd_products(algorithm))
        return winograd_backward_data_bf16(d, *products, dy, weight, dx);
    if (algorithm == Bf16Algorithm::direct) return direct_backward_data_bf16(d, dy, weight, dx);
    const float* wide_dy = widened(dy, d.y_count(), ScratchUse::bf16_input);
    const float* rounded_weight = rounded(weight, d.weight_count());
    float* wide_dx = scratch(ScratchUse::bf16_result, d.x_count());
    (winograd_wanted(wanted, d, ConvPass::backward_data) ? winograd_backward_data : direct_backward_data)(
        d, wide_dy, rounded_weight, wide_dx);
    HWY_DYNAMIC_DISPATCH(narrow)(wide_dx, d.x_count(), dx);
}

void conv2d_backward_weight_bf16(const Conv2dDims& d, const uint16_t* x, const uint16_t* dy, float* dweight,
                                 ConvAlgorithm wanted) {
    const Bf16Algorithm algorithm = choose_bf16_algorithm(d, ConvPass::backward_weight, wanted);
    if (const auto products = winograd_products(algorithm))
        return winograd_backward_weight_bf16(d, *products, x, dy, dweight);
    if (algorithm == Bf16Algorithm::direct) return direct_backward_weight_bf16(d, x, dy, dweight);
    const float* wide_x = widened(x, d.x_count(), ScratchUse::bf16_input);
    const float* wide_dy = widened(dy, d.y_count(), ScratchUse::bf16_result);
    (winograd_wanted(wanted, d, ConvPass::backward_weight) ? winograd_backward_weight : direct_backward_weight)(
        d, wide_x, wide_dy, dweight);
}

}  // namespace moco::cpu
#endif
