// The forward pass and the gradient of x as implicit matrix products of bf16 pairs: neighbouring channels of a pixel
// lie together as the instruction wants them, so that the walk over the tiles is f32's (conv2d_tiles-inl.h).
#include "cpu/conv2d_direct_bf16.h"

#include <algorithm>

#include "core/parallel.h"
#include "cpu/conv2d_taps.h"
#include "cpu/scratch.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/conv2d_direct_bf16.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/conv2d_tiles-inl.h"
#include "cpu/microkernel_bf16-inl.h"
#include "cpu/pack_bf16-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

#if MOCO_BF16_TARGET
/// A result is rounded once, so its sum must not be cut: one block holds all depth. Its columns' packed weights take
/// half a megabyte.
constexpr PlanLimits kLimits{
    .element_bytes = sizeof(uint16_t), .block_depth = 1 << 14, .block_elements = 1 << 18, .max_dots = 0};

/// The convolution with an even number of channels, so that pairs do not straddle pixels.
ConvPlan plan_pairs(TapConv conv) {
    conv.in_C += conv.in_C % 2;
    return plan_conv(conv, kLimits);
}

bool can_pair(const TapConv& conv) {
    const ConvPlan plan = plan_pairs(conv);
    for (const PlannedClass& c : plan.classes)
        if (c.blocks.size() != 1) return false;
    return plan.flattened || (conv.in_C % 2 == 0 && conv.in_C * 2 <= kZeroBytes);
}

/// `pack` fills a panel of f32 with one tap's weights of some columns.
template <typename Pack>
void multiply_taps(const TapConv& conv, const uint16_t* in, uint16_t* out, const Pack& pack) {
    const ConvPlan plan = plan_pairs(conv);
    const int64_t taps = conv.KH * conv.KW, tap_pairs = plan.conv.in_C / 2 * kPanel;
    auto* packed = reinterpret_cast<uint32_t*>(scratch(ScratchUse::packed_b, plan.panels() * taps * tap_pairs));
    parallel_for(plan.panels(), 1, [&](int64_t begin, int64_t end) {
        float* panel = scratch(ScratchUse::packed_tile, conv.in_C * kPanel);
        for (int64_t i = begin; i < end; ++i)
            for (int64_t tap = 0; tap < taps; ++tap) {
                pack(tap, i * kPanel, std::min(kPanel, conv.out_C - i * kPanel), panel);
                pair_panel(panel, conv.in_C, packed + (i * taps + tap) * tap_pairs);
            }
    });
    parallel_for(plan.pieces(), 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const ConvPiece piece = piece_of(plan, i);
            TileWork<uint16_t, PairRows> work{
                .plan = plan,
                .packed = reinterpret_cast<const uint16_t*>(packed + piece.c0 / kPanel * taps * tap_pairs),
                .out = out,
                .piece = piece,
                .input = input_of(plan, piece, in, conv.in_C),
                .segments = {}};
            work.run();
        }
    });
}

void forward(const Conv2dDims& d, const uint16_t* x, const float* weight, uint16_t* y) {
    const int64_t step = d.KH * d.KW * d.IC;
    multiply_taps(forward_taps(d), x, y, [&](int64_t tap, int64_t oc, int64_t columns, float* panel) {
        pack_panel_transposed(weight + oc * step + tap * d.IC, step, d.IC, columns, panel);
    });
}

void backward_data(const Conv2dDims& d, const uint16_t* dy, const float* weight, uint16_t* dx) {
    const int64_t taps = d.KH * d.KW;
    multiply_taps(backward_data_taps(d), dy, dx, [&](int64_t tap, int64_t ic, int64_t columns, float* panel) {
        pack_panel(weight + (taps - 1 - tap) * d.IC + ic, taps * d.IC, d.OC, columns, panel);
    });
}
#else
// Never called: has_bf16_products() says so.
bool can_pair(const TapConv&) {
    return false;
}
void forward(const Conv2dDims&, const uint16_t*, const float*, uint16_t*) {}
void backward_data(const Conv2dDims&, const uint16_t*, const float*, uint16_t*) {}
#endif

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {
namespace {

HWY_EXPORT(can_pair);
HWY_EXPORT(forward);
HWY_EXPORT(backward_data);

}  // namespace

bool has_bf16_products() {
#if HWY_ARCH_X86
    static const bool processor = __builtin_cpu_supports("avx512bf16");
    return processor && (hwy::SupportedTargets() & (HWY_AVX3 | HWY_AVX3_DL)) != 0;
#else
    return false;
#endif
}

bool direct_bf16_applies_forward(const Conv2dDims& d) {
    return has_bf16_products() && HWY_DYNAMIC_DISPATCH(can_pair)(forward_taps(d));
}

bool direct_bf16_applies_backward_data(const Conv2dDims& d) {
    return has_bf16_products() && HWY_DYNAMIC_DISPATCH(can_pair)(backward_data_taps(d));
}

void direct_forward_bf16(const Conv2dDims& d, const uint16_t* x, const float* weight, uint16_t* y) {
    HWY_DYNAMIC_DISPATCH(forward)(d, x, weight, y);
}

void direct_backward_data_bf16(const Conv2dDims& d, const uint16_t* dy, const float* weight, uint16_t* dx) {
    HWY_DYNAMIC_DISPATCH(backward_data)(d, dy, weight, dx);
}

}  // namespace moco::cpu
#endif
