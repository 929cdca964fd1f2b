// The forward pass and the gradient of x as implicit matrix products: rows are output pixels, depth is taps x channels,
// columns are output channels. The rows of A are the input pixels where they lie, or zeros where a tap meets padding.
//
// conv2d_tiles-inl.h and, for few channels, conv2d_lines-inl.h walk the tiles.
#include "cpu/conv2d_direct.h"

#include <algorithm>
#include <cstdint>

#include "core/parallel.h"
#include "cpu/conv2d_taps.h"
#include "cpu/scratch.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/conv2d_direct.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/conv2d_lines-inl.h"
#include "cpu/conv2d_tiles-inl.h"
#include "cpu/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Weights of places x in_C as panels of kPanel columns. `pack` fills one panel; `dots` are those of the last columns.
template <typename Pack>
void multiply_taps(const ConvPlan& plan, const float* in, float* out, const float* dots, const Pack& pack) {
    const int64_t columns = plan.conv.out_C - plan.dots;
    float* packed = scratch(ScratchUse::packed_b, plan.panels() * plan.panel_size());
    parallel_for(plan.panels(), 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            pack(i * kPanel, std::min(kPanel, columns - i * kPanel), packed + i * plan.panel_size());
    });
    parallel_for(plan.pieces(), 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const ConvPiece piece = piece_of(plan, i);
            const Input<float> input = input_of(plan, piece, in, plan.conv.in_C);
            const float* panels = packed + piece.c0 / kPanel * plan.panel_size();
            if (plan.flattened) {
                LineWork{plan, panels, out, piece, input}.run();
            } else {
                TileWork<float, RowTile>{
                    .plan = plan, .packed = panels, .out = out, .piece = piece, .input = input, .segments = {}}
                    .run();
            }
            if (plan.dots == 0 || piece.c1 < columns) continue;
            TileWork<float, DotTile>{.plan = plan,
                                     .packed = dots,
                                     .out = out,
                                     .piece = {piece.n0, piece.n1, piece.h0, piece.h1, columns, plan.conv.out_C},
                                     .input = input,
                                     .b_step = plan.panel_size() / kPanel,
                                     .segments = {}}
                .run();
        }
    });
}

}  // namespace

void direct_forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    const int64_t depth = d.KH * d.KW * d.IC;
    const ConvPlan plan = plan_conv(forward_taps(d));
    const float* dots = weight + (d.OC - plan.dots) * depth;
    multiply_taps(plan, x, y, dots, [&](int64_t oc, int64_t columns, float* panel) {
        pack_panel_transposed(weight + oc * depth, depth, depth, columns, panel);
    });
}

void direct_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    const int64_t taps = d.KH * d.KW;
    const ConvPlan plan = plan_conv(backward_data_taps(d));
    float* dots = scratch(ScratchUse::packed_rows, plan.dots * taps * d.OC);
    for (int64_t i = 0; i < plan.dots; ++i)
        for (int64_t tap = 0; tap < taps; ++tap)
            for (int64_t oc = 0; oc < d.OC; ++oc)
                dots[(i * taps + tap) * d.OC + oc] = weight[((oc + 1) * taps - 1 - tap) * d.IC + d.IC - plan.dots + i];
    multiply_taps(plan, dy, dx, dots, [&](int64_t ic, int64_t columns, float* panel) {
        for (int64_t tap = 0; tap < taps; ++tap)
            pack_panel(weight + (taps - 1 - tap) * d.IC + ic, taps * d.IC, d.OC, columns, panel + tap * d.OC * kPanel);
    });
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(direct_forward);
HWY_EXPORT(direct_backward_data);

void direct_forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    HWY_DYNAMIC_DISPATCH(direct_forward)(d, x, weight, y);
}

void direct_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    HWY_DYNAMIC_DISPATCH(direct_backward_data)(d, dy, weight, dx);
}

}  // namespace moco::cpu
#endif
