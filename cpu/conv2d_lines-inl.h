// The walk of a direct convolution with few input channels, line by line. In the copy that flatten makes, the columns
// of zeros stand for the padding left and right, so all pixels of a line see the same rows of the kernel, each one
// segment, at a constant distance from each other: nothing has to be found out for a tile.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_CONV2D_LINES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_CONV2D_LINES_INL_H
#undef MOCO_CPU_CONV2D_LINES_INL_H
#else
#define MOCO_CPU_CONV2D_LINES_INL_H
#endif

#include <algorithm>
#include <cstdint>

#include "cpu/conv2d_plan-inl.h"
#include "cpu/conv2d_tiles-inl.h"
#include "cpu/microkernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// A piece of one call of a flattened plan, of its columns in panels. `packed` are their weights.
struct LineWork {
    const ConvPlan& plan;
    const float* packed;
    float* out;
    ConvPiece piece;
    Input<float> input;

    /// The results of line h of image n, in the columns [begin, end).
    void line(const DepthBlock& block, int64_t n, int64_t h, int64_t begin, int64_t end) const {
        const PlannedClass& c = plan.classes.front();
        const float* in = input.pixels + (n - input.n0) * plan.image_step + block.channel - input.h0 * plan.row_step;
        const float* a[kBlockTaps];
        int64_t b_offset[kBlockTaps], segments = 0;
        for (int64_t i = block.begin; i < block.end; ++i) {
            const PlannedTap& tap = c.taps[static_cast<size_t>(i)];
            const int64_t row = h * c.h.in_step + tap.h;
            if (row < 0 || row >= c.h.in_extent) continue;
            a[segments] = in + row * plan.row_step;
            b_offset[segments++] = tap.packed + block.channel * kPanel;
        }
        const Store store = block.begin == 0 && block.channel == 0 ? Store::replace : Store::add;
        if (segments == 0 && store == Store::add) return;
        const int64_t out_h = c.h.out_begin + h * c.h.out_step, C = plan.conv.out_C;
        float* to = out + ((n * plan.conv.out_H + out_h) * plan.conv.out_W + c.w.out_begin) * C;
        const int64_t a_step = c.w.in_step * plan.pixel_step, c_step = c.w.out_step * C;
        for (int64_t i = 0; i < tile_count(c.w.count, plan.tile_rows); ++i) {
            const int64_t w = tile_begin(c.w.count, i, plan.tile_rows);
            for (int64_t panel = begin; panel < end; panel += kPanel)
                multiply(tile_begin(c.w.count, i + 1, plan.tile_rows) - w,
                         LineTile{a, w * a_step, a_step, b_offset, segments, block.depth,
                                  packed + (panel - piece.c0) / kPanel * plan.panel_size(), to + w * c_step + panel,
                                  c_step, std::min(kPanel, end - panel), store});
        }
    }

    void run() const {
        const PlannedClass& c = plan.classes.front();
        const int64_t h1 = std::min(piece.h1, c.h.count);
        for (int64_t begin = piece.c0; begin < piece.c1; begin += plan.block_columns)
            for (const DepthBlock& block : c.blocks)
                for (int64_t n = piece.n0; n < piece.n1; ++n)
                    for (int64_t h = piece.h0; h < h1; ++h)
                        line(block, n, h, begin, std::min(piece.c1, begin + plan.block_columns));
    }
};

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggled include guard
