// The gradient of the weights as an implicit matrix product: rows are output channels, columns input channels of one
// tap, depth is all output pixels. A are the pixels of dy where they lie; B is a block of x, copied into panels unless
// the kernel is 1x1. Where a tap's channels would leave much of a panel empty, see conv2d_flat_weight-inl.h.
//
// The pixels are cut into parts whose sums are kept apart and added in order at the end: at most kMaxPartials, fewer
// where dweight is large, so that they stay small.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/conv2d_direct.h"
#include "cpu/fetch.h"
#include "cpu/partials.h"
#include "cpu/scratch.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/conv2d_direct_weight.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/conv2d_flat_weight-inl.h"
#include "cpu/conv2d_weight_plan-inl.h"
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Copies a panel of the pixels that a 1x1 kernel sees; returns the end of the copy.
float* copy_points(const WeightPlan& p, const PixelBlock& b, const float* x, int64_t channels, float* copy) {
    const Conv2dDims& d = p.d;
    const bool images = p.images_are_runs();
    const int64_t run = images ? b.n1 - b.n0 : d.OW();
    for (int64_t n = b.n0; n < (images ? b.n0 + 1 : b.n1); ++n)
        for (int64_t oh = b.oh0; oh < b.oh1; ++oh, copy += run * kPanel)
            pack_panel(x + (n * d.H + oh * d.stride) * d.W * d.IC, d.stride * d.IC, run, channels, copy);
    return copy;
}

/// Copies panels [first, last) of a block of x.
void copy_panels(const WeightPlan& p, const PixelBlock& b, const float* x, int64_t first, int64_t last, float* copy) {
    const Conv2dDims& d = p.d;
    const int64_t images = b.n1 - b.n0;
    const int64_t left = divide_up(d.pad, p.w_step);  // columns before the image
    const int64_t begin = std::min(left, p.width);
    const int64_t end = std::clamp(divide_up(d.W + d.pad, p.w_step), begin, p.width);
    for (int64_t panel = first; panel < last; ++panel) {
        const int64_t ic = panel * kPanel, channels = std::min(kPanel, d.IC - ic);
        if (p.sees_points()) {
            copy = copy_points(p, b, x + ic, channels, copy);
            continue;
        }
        for (int64_t r = 0; r < p.height; ++r, copy += p.width * images * kPanel) {
            const int64_t h = input_h(p, b, r);
            if (!inside(h, d.H)) continue;
            if (p.copy == Copy::rows) {
                pack_panel(x + ((b.n0 * d.H + h) * d.W + input_w(p, begin)) * d.IC + ic, p.w_step * d.IC, end - begin,
                           channels, copy + begin * kPanel);
            } else {
                for (int64_t c = begin; c < end; ++c)
                    pack_panel(x + ((b.n0 * d.H + h) * d.W + input_w(p, c)) * d.IC + ic, d.H * d.W * d.IC, images,
                               channels, copy + c * images * kPanel);
            }
        }
    }
}

/// Copies the channels [oc0, oc1) of a block of dy: [tile of rows][pixel][kTileStep], the pixels in the order of runs.
void copy_dy(const WeightPlan& p, const PixelBlock& b, const float* dy, int64_t oc0, int64_t oc1, float* copy) {
    const Conv2dDims& d = p.d;
    const int64_t image = d.OH() * d.OW(), images = b.n1 - b.n0, pixels = (b.oh1 - b.oh0) * d.OW();
    const int64_t runs = p.images_are_runs() ? pixels : images, run = p.images_are_runs() ? images : pixels;
    const int64_t run_step = p.images_are_runs() ? d.OC : image * d.OC,
                  step = p.images_are_runs() ? image * d.OC : d.OC;
    const float* first = dy + (b.n0 * image + b.oh0 * d.OW()) * d.OC;
    // Few pixels at a time: their lines, which several tiles share, stay in L1 even where they fall into one set.
    constexpr int64_t kChunk = 8;
    const int64_t tile_floats = runs * run * kTileStep;
    for (int64_t r = 0; r < runs; ++r, first += run_step, copy += run * kTileStep)
        for (int64_t k = 0; k < run; k += kChunk)
            for (int64_t i = 0; i < tile_count(oc1 - oc0); ++i) {
                const int64_t oc = oc0 + tile_begin(oc1 - oc0, i), rows = oc0 + tile_begin(oc1 - oc0, i + 1) - oc;
                pack_rows(first + k * step + oc, step, std::min(kChunk, run - k), rows,
                          copy + i * tile_floats + k * kTileStep);
            }
}

/// Runs of pixels that one tap sums over: where they begin in dy and x or their copies (of the first tile, of the first
/// panel), in floats.
struct Runs {
    int64_t count = 0;
    int64_t depth = 0;  // of each
    int64_t dy[kMaxSegments], x[kMaxSegments];

    void add(int64_t dy_begin, int64_t x_begin) {
        dy[count] = dy_begin;
        x[count++] = x_begin;
    }
};

/// Where the run at (n, oh, ow) begins in dy, or in its copy.
int64_t dy_begin(const WeightPlan& p, const PixelBlock& b, int64_t n, int64_t oh, int64_t ow) {
    const int64_t OH = p.d.OH(), OW = p.d.OW();
    if (!p.copies_dy) return ((n * OH + oh) * OW + ow) * p.d.OC;
    const int64_t pixel = ((n - b.n0) * (b.oh1 - b.oh0) + oh - b.oh0) * OW + ow;
    return pixel * (p.images_are_runs() ? b.n1 - b.n0 : 1) * kTileStep;
}

Runs runs_of(const WeightPlan& p, const PixelBlock& b, int64_t tap) {
    const Conv2dDims& d = p.d;
    const int64_t images = b.n1 - b.n0;
    Runs runs;
    runs.depth = p.images_are_runs() ? images : d.OW();
    if (p.sees_points()) {
        for (int64_t n = b.n0; n < (p.images_are_runs() ? b.n0 + 1 : b.n1); ++n)
            for (int64_t oh = b.oh0; oh < b.oh1; ++oh)
                runs.add(dy_begin(p, b, n, oh, 0), p.copy == Copy::in_place
                                                       ? (n * d.H + oh * d.stride) * d.W * d.IC
                                                       : ((n - b.n0) * (b.oh1 - b.oh0) + oh - b.oh0) * d.OW() * kPanel);
        return runs;
    }
    const int64_t kh = tap / d.KW, kw = tap % d.KW;
    // The pixels of a row of y whose inputs are within the image.
    const int64_t ow0 = std::max<int64_t>(0, divide_up(d.pad - kw, d.stride));
    const int64_t ow1 = std::min(d.OW(), divide_up(d.W + d.pad - kw, d.stride));
    if (!p.images_are_runs()) runs.depth = ow1 - ow0;
    for (int64_t oh = b.oh0; oh < b.oh1; ++oh) {
        const int64_t row = d.KH == 1 ? oh - b.oh0 : (oh - b.oh0) * d.stride + kh;
        if (!inside(input_h(p, b, row), d.H)) continue;
        for (int64_t ow = ow0; ow < (p.images_are_runs() ? ow1 : std::min(ow0 + 1, ow1)); ++ow) {
            const int64_t column = d.KW == 1 ? ow : ow * d.stride + kw;
            runs.add(dy_begin(p, b, b.n0, oh, ow), (row * p.width + column) * images * p.cell_step());
        }
    }
    return runs;
}

/// One piece: blocks [first, last) of depth, output channels [oc0, oc1), panels [p0, p1), into `sum`.
struct WeightPiece {
    const WeightPlan& plan;
    const float* x;
    const float* dy;
    float* sum;
    int64_t first, last, oc0, oc1, p0, p1;

    /// The block's input rows and pixels of dy.
    Fetch fetch_of(const PixelBlock& b) const {
        const Conv2dDims& d = plan.d;
        const int64_t h0 = std::clamp<int64_t>(b.oh0 * d.stride - d.pad, 0, d.H);
        const int64_t h1 = std::clamp<int64_t>((b.oh1 - 1) * d.stride - d.pad + d.KH, h0, d.H);
        const int64_t ic0 = p0 * kPanel, ic1 = std::min(d.IC, p1 * kPanel);
        Fetch fetch;
        if (plan.sees_points() && !plan.images_are_runs()) {
            for (int64_t n = b.n0; n < b.n1; ++n)
                for (int64_t oh = b.oh0; oh < b.oh1; ++oh)
                    fetch.add(x + (n * d.H + oh * d.stride) * d.W * d.IC + ic0, d.OW(), d.stride * d.IC, ic1 - ic0);
        } else {
            // Several images are whole images, one after the other.
            fetch.add(x + (b.n0 * d.H + h0) * d.W * d.IC + ic0, (b.n1 - b.n0) * (h1 - h0) * d.W, d.IC, ic1 - ic0);
        }
        fetch.add(dy + (b.n0 * d.OH() + b.oh0) * d.OW() * d.OC + oc0, (b.n1 - b.n0) * (b.oh1 - b.oh0) * d.OW(), d.OC,
                  oc1 - oc0);
        return fetch;
    }

    void tap(const PixelBlock& b, const float* x_block, const float* dy_copy, int64_t index, Store store,
             Fetch& fetch) const {
        const Conv2dDims& d = plan.d;
        const Runs runs = runs_of(plan, b, index);
        if (runs.count == 0 && store == Store::add) return;
        const bool images = plan.images_are_runs();
        const int64_t a_step = plan.copies_dy ? kTileStep : images ? d.OH() * d.OW() * d.OC : d.OC;
        const int64_t tile_step = (b.n1 - b.n0) * (b.oh1 - b.oh0) * d.OW() * kTileStep;
        const int64_t w_step = d.KW == 1 && plan.copy != Copy::in_place ? 1 : d.stride;  // the copy has only those seen
        const int64_t b_step = (images ? 1 : w_step) * plan.cell_step();
        const int64_t panel_step = plan.panel_step(b.n1 - b.n0, b.oh1 - b.oh0);
        const float* x_runs[kMaxSegments];
        const float* dy_runs[kMaxSegments];
        int64_t depths[kMaxSegments];
        std::fill_n(depths, runs.count, runs.depth);
        const int64_t lines = divide_up(fetch.lines(), plan.taps * (p1 - p0) * tile_count(oc1 - oc0));
        for (int64_t panel = p0; panel < p1; ++panel) {
            for (int64_t s = 0; s < runs.count; ++s) x_runs[s] = x_block + ((panel - p0) * panel_step + runs.x[s]);
            for (int64_t i = 0; i < tile_count(oc1 - oc0); ++i) {
                const int64_t oc = oc0 + tile_begin(oc1 - oc0, i), end = oc0 + tile_begin(oc1 - oc0, i + 1);
                const float* from = plan.copies_dy ? dy_copy + i * tile_step : dy + oc;
                fetch.advance(lines);
                for (int64_t s = 0; s < runs.count; ++s) dy_runs[s] = from + runs.dy[s];
                multiply(end - oc, ColumnTile{dy_runs, x_runs, depths, runs.count, a_step, b_step,
                                              sum + (oc * plan.taps + index) * d.IC + panel * kPanel, plan.taps * d.IC,
                                              std::min(kPanel, d.IC - panel * kPanel), store});
            }
        }
    }

    void run() const {
        const int64_t cells = plan.height * plan.width * plan.images;
        const int64_t pixels = plan.images * plan.rows * plan.d.OW();
        float* x_copy = scratch(ScratchUse::packed_tile, (p1 - p0) * cells * kPanel);
        const int64_t dy_floats = plan.copies_dy ? tile_count(oc1 - oc0) * pixels * kTileStep : 0;
        float* dy_copy = scratch(ScratchUse::packed_rows, dy_floats);
        for (int64_t i = first; i < last; ++i) {
            const PixelBlock b = block_at(plan, i);
            const float* x_block = x_copy;
            if (plan.copy == Copy::in_place) {
                x_block = x + p0 * kPanel;
            } else {
                copy_panels(plan, b, x, p0, p1, x_copy);
            }
            if (plan.copies_dy) copy_dy(plan, b, dy, oc0, oc1, dy_copy);
            Fetch fetch = i + 1 < last ? fetch_of(block_at(plan, i + 1)) : Fetch();
            for (int64_t t = 0; t < plan.taps; ++t)
                tap(b, x_block, dy_copy, t, i == first ? Store::replace : Store::add, fetch);
        }
    }
};

}  // namespace

void direct_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    if (flat_preferred(d)) return flat_backward_weight(d, x, dy, dweight);
    if (transposed_preferred(d)) {
        float* transposed = scratch(ScratchUse::packed_b, d.weight_count());
        direct_backward_weight({d.N, d.H, d.W, d.OC, d.IC, 1, 1, 1, 0}, dy, x, transposed);
        return transpose(transposed, d.IC, d.OC, dweight);
    }
    const WeightPlan plan = plan_weight(d);
    const int64_t count = d.weight_count();
    float* sums = plan.partials == 1 ? dweight : scratch(ScratchUse::partials, plan.partials * count);
    const auto cut = [](int64_t total, int64_t i, int64_t parts) { return total * i / parts; };
    // Neighbouring pieces are of the same images where there are few weights, so that a thread has the same images as
    // in other passes, else of the same weights.
    constexpr int64_t kFewWeights = 100000;
    const bool by_images = count <= kFewWeights;
    const int64_t blocks = plan.row_pieces * plan.column_pieces;
    parallel_for(plan.partials * blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t part = by_images ? i / blocks : i % plan.partials;
            const int64_t block = by_images ? i % blocks : i / plan.partials;
            const int64_t column = block % plan.column_pieces, row = block / plan.column_pieces;
            WeightPiece{plan,
                        x,
                        dy,
                        sums + part * count,
                        cut(plan.blocks, part, plan.partials),
                        cut(plan.blocks, part + 1, plan.partials),
                        cut(d.OC, row, plan.row_pieces),
                        cut(d.OC, row + 1, plan.row_pieces),
                        cut(plan.panels(), column, plan.column_pieces),
                        cut(plan.panels(), column + 1, plan.column_pieces)}
                .run();
        }
    });
    if (plan.partials > 1) add_partials(sums, plan.partials, count, dweight);
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(direct_backward_weight);

void direct_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    HWY_DYNAMIC_DISPATCH(direct_backward_weight)(d, x, dy, dweight);
}

}  // namespace moco::cpu
#endif
