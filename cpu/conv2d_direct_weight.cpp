// The gradient of the weights as an implicit matrix product: rows are output channels, columns input channels of one
// tap, depth is all output pixels. A are the pixels of dy where they lie; B is a block of x, copied into panels.
//
// The pixels are cut into parts whose sums are kept apart and added in order at the end: at most kMaxPartials, fewer
// where dweight is large, so that they stay small.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/conv2d_direct.h"
#include "cpu/scratch.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/conv2d_direct_weight.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kPixels = 256;             // of y, summed in registers before a tile of dweight is updated
constexpr int64_t kPixelsInPlace = 96;       // the same where the rows of a panel of x do not lie together in L1
constexpr int64_t kCopyFloats = 1 << 16;     // of a block of x: a quarter of a megabyte
constexpr int64_t kPartialFloats = 1 << 20;  // of all partial sums: 4 MiB
constexpr int64_t kWantedPieces = 16;
constexpr int64_t kFewChannels = 16;
constexpr int64_t kMaxSegments = 64;

/// What a block of x is and how it is copied.
enum class Copy {
    rows,       // the rows that some rows of y see; [panel][row][column][kPanel], zeros left and right
    flat_rows,  // the same as [row][column][IC], for few channels: a tile's columns are taps x channels
    in_place,   // x itself, for 1x1 kernels that see every pixel: [pixel][IC]
    images,     // whole small images: [panel][row][column][image][kPanel]; no zeros, such pixels are left out
};

/// Distances and cuts, all by the shape alone. The copied grid has `height` x `width` cells: input pixels, or, where
/// the kernel has one row or column, only those that y sees.
struct WeightPlan {
    Conv2dDims d;
    Copy copy = Copy::rows;
    int64_t taps = 0, columns = 0;  // dweight is OC x taps x columns
    int64_t rows = 0;               // of y in a block
    int64_t images = 1;             // of a block, at most
    int64_t height = 0, width = 0, h_step = 1, w_step = 1;
    int64_t blocks_per_image = 1, blocks = 0;
    int64_t partials = 1, row_pieces = 1, column_pieces = 1;

    int64_t panels() const { return panel_count(columns); }
    bool images_are_runs() const { return copy == Copy::images || copy == Copy::in_place; }
    /// Between a pixel's first channel and its neighbour's, and between panels.
    int64_t cell_step() const { return copy == Copy::flat_rows || copy == Copy::in_place ? d.IC : kPanel; }
    int64_t panel_step(int64_t images_now) const {
        return copy == Copy::flat_rows || copy == Copy::in_place ? kPanel : height * width * images_now * kPanel;
    }
};

int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

WeightPlan plan_weight(Conv2dDims d) {
    // 1x1 without stride: every pixel is an image.
    if (d.KH * d.KW == 1 && d.stride == 1 && d.pad == 0) d = {d.N * d.H * d.W, 1, 1, d.IC, d.OC, 1, 1, 1, 0};
    const int64_t OH = d.OH(), OW = d.OW();
    WeightPlan p{.d = d};
    if (d.KW > 1 && d.IC <= kFewChannels) {
        p.copy = Copy::flat_rows;
    } else if (d.H * d.W * d.KH * d.KW == 1 && d.pad == 0 && d.IC % kLanes == 0) {
        p.copy = Copy::in_place;  // every pixel is an image, see above
    } else if (OW <= 8 && OH <= 8 && d.N >= 8) {
        p.copy = Copy::images;
    }
    p.taps = p.copy == Copy::flat_rows ? d.KH : d.KH * d.KW;
    p.columns = p.copy == Copy::flat_rows ? d.KW * d.IC : d.IC;
    p.rows = p.images_are_runs() ? OH : std::clamp<int64_t>(kPixels / OW, 1, std::min(OH, kMaxSegments));
    p.blocks_per_image = divide_up(OH, p.rows);
    p.rows = divide_up(OH, p.blocks_per_image);
    p.h_step = d.KH == 1 ? d.stride : 1;
    p.w_step = d.KW == 1 ? d.stride : 1;
    p.height = d.KH == 1 ? p.rows : (p.rows - 1) * d.stride + d.KH;
    p.width = d.KW == 1 ? OW : (OW - 1) * d.stride + d.KW;
    const int64_t cell = p.height * p.width * kPanel;
    if (p.images_are_runs()) {
        p.images = std::clamp<int64_t>(kCopyFloats / (cell * std::min<int64_t>(p.panels(), 4)), 8,
                                       p.copy == Copy::in_place ? kPixelsInPlace : kPixels);
        p.images = divide_up(d.N, divide_up(d.N, p.images));
    }
    p.blocks = divide_up(d.N, p.images) * p.blocks_per_image;
    if (p.copy != Copy::flat_rows) {
        p.column_pieces = divide_up(p.panels(), std::max<int64_t>(1, kCopyFloats / (cell * p.images)));
    }
    p.partials = std::min(kPartialFloats / d.weight_count(), divide_up(2 * kWantedPieces, p.column_pieces));
    p.partials = std::clamp<int64_t>(p.partials, 1, std::min<int64_t>(kMaxPartials, p.blocks));
    p.row_pieces = std::min(divide_up(kWantedPieces, p.partials * p.column_pieces), divide_up(d.OC, 2 * kMaxRows));
    return p;
}

/// One block of depth: images [n0, n1), rows [oh0, oh1) of y.
struct PixelBlock {
    int64_t n0, n1, oh0, oh1;
};

PixelBlock block_at(const WeightPlan& p, int64_t index) {
    const int64_t group = index / p.blocks_per_image, row = index % p.blocks_per_image * p.rows;
    return {group * p.images, std::min(p.d.N, (group + 1) * p.images), row, std::min(p.d.OH(), row + p.rows)};
}

/// The input pixel of cell (row, column), which may be outside the image.
int64_t input_h(const WeightPlan& p, const PixelBlock& b, int64_t row) {
    return b.oh0 * p.d.stride - p.d.pad + row * p.h_step;
}
int64_t input_w(const WeightPlan& p, int64_t column) {
    return column * p.w_step - p.d.pad;
}

bool inside(int64_t value, int64_t extent) {
    return static_cast<uint64_t>(value) < static_cast<uint64_t>(extent);
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
        for (int64_t r = 0; r < p.height; ++r, copy += p.width * images * kPanel) {
            const int64_t h = input_h(p, b, r);
            if (!inside(h, d.H)) continue;
            if (p.copy == Copy::rows) {
                std::fill(copy, copy + begin * kPanel, 0.0f);
                pack_panel(x + ((b.n0 * d.H + h) * d.W + input_w(p, begin)) * d.IC + ic, p.w_step * d.IC, end - begin,
                           channels, copy + begin * kPanel);
                std::fill(copy + end * kPanel, copy + p.width * kPanel, 0.0f);
            } else {
                for (int64_t c = begin; c < end; ++c)
                    pack_panel(x + ((b.n0 * d.H + h) * d.W + input_w(p, c)) * d.IC + ic, d.H * d.W * d.IC, images,
                               channels, copy + c * images * kPanel);
            }
        }
    }
}

/// Copies a block of x as it is, with zeros left and right, and after it: a tile's vectors may reach beyond the end.
void copy_flat(const WeightPlan& p, const PixelBlock& b, const float* x, float* copy) {
    const Conv2dDims& d = p.d;
    const int64_t begin = std::min(d.pad, p.width), end = std::clamp(d.W + d.pad, begin, p.width);
    for (int64_t r = 0; r < p.height; ++r, copy += p.width * d.IC) {
        const int64_t h = input_h(p, b, r);
        if (!inside(h, d.H)) continue;
        std::fill(copy, copy + begin * d.IC, 0.0f);
        std::copy_n(x + ((b.n0 * d.H + h) * d.W + begin - d.pad) * d.IC, (end - begin) * d.IC, copy + begin * d.IC);
        std::fill(copy + end * d.IC, copy + p.width * d.IC, 0.0f);
    }
    std::fill(copy, copy + kPanel, 0.0f);
}

/// Runs of pixels that one tap sums over: where they begin in dy and in the copy (of its first panel), in floats.
struct Runs {
    int64_t count = 0;
    int64_t dy[kMaxSegments], x[kMaxSegments];
};

Runs runs_of(const WeightPlan& p, const PixelBlock& b, int64_t tap) {
    const Conv2dDims& d = p.d;
    const int64_t kw_count = p.taps / d.KH, kh = tap / kw_count, kw = tap % kw_count, OH = d.OH(), OW = d.OW();
    const int64_t images = b.n1 - b.n0;
    Runs runs;
    for (int64_t oh = b.oh0; oh < b.oh1; ++oh) {
        const int64_t row = d.KH == 1 ? oh - b.oh0 : (oh - b.oh0) * d.stride + kh;
        if (!inside(input_h(p, b, row), d.H)) continue;
        for (int64_t ow = 0; ow < (p.images_are_runs() ? OW : 1); ++ow) {
            const int64_t column = d.KW == 1 ? ow : ow * d.stride + kw;
            if (p.copy == Copy::images && !inside(input_w(p, column), d.W)) continue;
            runs.dy[runs.count] = ((b.n0 * OH + oh) * OW + ow) * d.OC;
            runs.x[runs.count++] = (row * p.width + column) * images * p.cell_step();
        }
    }
    return runs;
}

/// Fetches the next block of x and dy into L2 while the current one is multiplied: a copy straight from memory would
/// take as long as some of the products.
class Fetch {
  public:
    /// `count` pixels of `floats` each, `step` apart.
    void add(const float* from, int64_t count, int64_t step, int64_t floats) {
        if (floats == step) floats *= count, step = floats, count = 1;
        parts_[used_++] = {reinterpret_cast<const char*>(from), count, step * 4, floats * 4};
        lines_ += count * divide_up(floats * 4, kLine);
    }
    int64_t lines() const { return lines_; }
    /// Fetches the next `lines` lines.
    void advance(int64_t lines) {
        while (lines > 0 && part_ < used_) {
            Part& part = parts_[part_];
            for (; lines > 0 && at_ < part.bytes; at_ += kLine, --lines) __builtin_prefetch(part.from + at_, 0, 2);
            if (at_ < part.bytes) return;
            at_ = 0;
            part.from += part.step;
            if (--part.count == 0) ++part_;
        }
    }

  private:
    static constexpr int64_t kLine = 64;
    struct Part {
        const char* from;
        int64_t count, step, bytes;
    };
    Part parts_[2];
    int used_ = 0, part_ = 0;
    int64_t at_ = 0, lines_ = 0;
};

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
        const int64_t ic0 = plan.copy == Copy::flat_rows ? 0 : p0 * kPanel;
        const int64_t ic1 = plan.copy == Copy::flat_rows ? d.IC : std::min(d.IC, p1 * kPanel);
        Fetch fetch;
        // Several images are whole images, one after the other.
        fetch.add(x + (b.n0 * d.H + h0) * d.W * d.IC + ic0, (b.n1 - b.n0) * (h1 - h0) * d.W, d.IC, ic1 - ic0);
        fetch.add(dy + (b.n0 * d.OH() + b.oh0) * d.OW() * d.OC + oc0, (b.n1 - b.n0) * (b.oh1 - b.oh0) * d.OW(), d.OC,
                  oc1 - oc0);
        return fetch;
    }

    void tap(const PixelBlock& b, const float* copy, int64_t index, Store store, Fetch& fetch) const {
        const Conv2dDims& d = plan.d;
        const Runs runs = runs_of(plan, b, index);
        if (runs.count == 0 && store == Store::add) return;
        const bool images = plan.images_are_runs();
        const int64_t run = images ? b.n1 - b.n0 : d.OW();
        const int64_t a_step = images ? d.OH() * d.OW() * d.OC : d.OC;
        const int64_t b_step = (images || d.KW == 1 ? 1 : d.stride) * plan.cell_step();
        const int64_t panel_step = plan.panel_step(b.n1 - b.n0);
        const float* x_runs[kMaxSegments];
        const float* dy_runs[kMaxSegments];
        int64_t depths[kMaxSegments];
        std::fill_n(depths, runs.count, run);
        const int64_t lines = divide_up(fetch.lines(), plan.taps * (p1 - p0) * tile_count(oc1 - oc0));
        for (int64_t panel = p0; panel < p1; ++panel) {
            for (int64_t s = 0; s < runs.count; ++s) x_runs[s] = copy + ((panel - p0) * panel_step + runs.x[s]);
            for (int64_t i = 0; i < tile_count(oc1 - oc0); ++i) {
                const int64_t oc = oc0 + tile_begin(oc1 - oc0, i), end = oc0 + tile_begin(oc1 - oc0, i + 1);
                fetch.advance(lines);
                for (int64_t s = 0; s < runs.count; ++s) dy_runs[s] = dy + (runs.dy[s] + oc);
                multiply(end - oc,
                         ColumnTile{dy_runs, x_runs, depths, runs.count, a_step, b_step,
                                    sum + (oc * plan.taps + index) * plan.columns + panel * kPanel,
                                    plan.taps * plan.columns, std::min(kPanel, plan.columns - panel * kPanel), store});
            }
        }
    }

    void run() const {
        const int64_t floats = plan.copy == Copy::flat_rows
                                   ? plan.height * plan.width * plan.d.IC + kPanel
                                   : (p1 - p0) * plan.height * plan.width * plan.images * kPanel;
        float* copy = scratch(ScratchUse::packed_tile, floats);
        for (int64_t i = first; i < last; ++i) {
            const PixelBlock b = block_at(plan, i);
            const float* from = copy;
            if (plan.copy == Copy::in_place) {
                from = x + (b.n0 * plan.d.IC + p0 * kPanel);
            } else if (plan.copy == Copy::flat_rows) {
                copy_flat(plan, b, x, copy);
            } else {
                copy_panels(plan, b, x, p0, p1, copy);
            }
            Fetch fetch = i + 1 < last ? fetch_of(block_at(plan, i + 1)) : Fetch();
            for (int64_t t = 0; t < plan.taps; ++t) tap(b, from, t, i == first ? Store::replace : Store::add, fetch);
        }
    }
};

void add_partials(const float* partials, int64_t parts, int64_t count, float* sum) {
    parallel_for(count, 1 << 14, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            float total = partials[i];
            for (int64_t p = 1; p < parts; ++p) total += partials[p * count + i];
            sum[i] = total;
        }
    });
}

}  // namespace

void direct_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    const WeightPlan plan = plan_weight(d);
    const int64_t count = d.weight_count();
    float* sums = plan.partials == 1 ? dweight : scratch(ScratchUse::partials, plan.partials * count);
    const auto cut = [](int64_t total, int64_t i, int64_t parts) { return total * i / parts; };
    parallel_for(plan.partials * plan.row_pieces * plan.column_pieces, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t part = i % plan.partials, column = i / plan.partials % plan.column_pieces,
                          row = i / plan.partials / plan.column_pieces;
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
