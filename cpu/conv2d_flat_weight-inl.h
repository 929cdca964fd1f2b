// The gradient of the weights where the channels of one tap would leave much of a panel empty. All taps of a kernel row
// are taken together: in a copy of x between zeros they lie next to each other, KW x IC floats that a pixel sees.
//
// The product's depth is the pixels of y. Either side can give its rows: KW x IC rows times OC columns, which are read
// from dy where they lie, or OC rows times KW x IC columns; whichever fills the vectors better. The pixels are cut into
// parts whose sums are kept apart and added in order at the end.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_CONV2D_FLAT_WEIGHT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_CONV2D_FLAT_WEIGHT_INL_H
#undef MOCO_CPU_CONV2D_FLAT_WEIGHT_INL_H
#else
#define MOCO_CPU_CONV2D_FLAT_WEIGHT_INL_H
#endif

#include <algorithm>

#include "core/dims.h"
#include "core/parallel.h"
#include "cpu/conv2d_weight_plan-inl.h"
#include "cpu/fetch.h"
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"
#include "cpu/partials.h"
#include "cpu/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

inline constexpr int64_t kFewChannels = 16;

/// Vector multiplications for each pixel of y, where it, or what it sees, gives the rows.
HWY_INLINE int64_t flat_products(const Conv2dDims& d, bool x_rows) {
    const int64_t taps = d.KW * d.IC;
    return d.KH * (x_rows ? taps * divide_up(d.OC, kLanes) : d.OC * divide_up(taps, kLanes));
}

HWY_INLINE bool flat_preferred(const Conv2dDims& d) {
    if (d.KW == 1) return false;
    const int64_t by_taps = d.OC * d.KH * d.KW * divide_up(d.IC, kLanes);
    return d.IC <= kFewChannels || (d.OW() > 8 && 10 * flat_products(d, false) <= 9 * by_taps);
}

struct FlatPlan {
    Conv2dDims d;
    bool x_rows = false;  // the product's rows are taps x channels; the sums are dweight transposed
    int64_t width = 0;    // of a copied row, in floats
    int64_t rows = 0;     // of y in a block
    int64_t blocks_per_image = 1, blocks = 0;
    int64_t partials = 1, column_pieces = 1;

    int64_t tile_rows() const { return x_rows ? d.KW * d.IC : d.OC; }
    int64_t columns() const { return x_rows ? d.OC : d.KW * d.IC; }
    int64_t panels() const { return panel_count(columns()); }
};

HWY_INLINE FlatPlan plan_flat(const Conv2dDims& d) {
    FlatPlan p{.d = d};
    // dy is read in place: a vector beyond its last channel would end beyond its last pixel.
    p.x_rows = d.OC % kLanes == 0 && flat_products(d, true) <= flat_products(d, false);
    p.width = ((d.OW() - 1) * d.stride + d.KW) * d.IC;
    p.rows = std::clamp<int64_t>(kPixels / d.OW(), 1, std::min(d.OH(), kMaxSegments));
    p.blocks_per_image = divide_up(d.OH(), p.rows);
    p.rows = divide_up(d.OH(), p.blocks_per_image);
    p.blocks = d.N * p.blocks_per_image;
    p.partials = std::min(kPartialFloats / d.weight_count(), d.N * d.OH() * d.OW() / kPartialPixels);
    p.partials = std::clamp<int64_t>(p.partials, 1, std::min<int64_t>(kMaxPartials, p.blocks));
    p.column_pieces = std::min(divide_up(kWantedPieces, p.partials), p.panels());
    return p;
}

/// One piece: blocks [first, last) of depth, panels [p0, p1), into `sum`.
struct FlatPiece {
    const FlatPlan& plan;
    const float* x;
    const float* dy;
    float* sum;
    int64_t first, last, p0, p1;

    /// Rows oh0, oh0 + 1... of y in image n see the input rows from `h` on, of which [h0, h1) exist.
    struct Block {
        int64_t n, oh0, oh1, h, h0, h1;
    };

    Block block(int64_t index) const {
        const Conv2dDims& d = plan.d;
        const int64_t n = index / plan.blocks_per_image, oh0 = index % plan.blocks_per_image * plan.rows,
                      oh1 = std::min(d.OH(), oh0 + plan.rows);
        const int64_t h = oh0 * d.stride - d.pad, h0 = std::clamp<int64_t>(h, 0, d.H);
        return {n, oh0, oh1, h, h0, std::clamp((oh1 - 1) * d.stride - d.pad + d.KH, h0, d.H)};
    }

    /// Copies the block's input rows, with zeros left and right, and after the last: a tile's vectors may reach there.
    void copy_rows(const Block& b, float* copy) const {
        const Conv2dDims& d = plan.d;
        const int64_t left = std::min(d.pad * d.IC, plan.width), used = std::min(d.W * d.IC, plan.width - left);
        for (int64_t h = b.h0; h < b.h1; ++h, copy += plan.width) {
            std::fill(copy, copy + left, 0.0f);
            std::copy_n(x + (b.n * d.H + h) * d.W * d.IC, used, copy + left);
            std::fill(copy + left + used, copy + plan.width, 0.0f);
        }
        std::fill(copy, copy + kPanel, 0.0f);
    }

    Fetch fetch_of(const Block& b) const {
        const Conv2dDims& d = plan.d;
        Fetch fetch;
        fetch.add(x + (b.n * d.H + b.h0) * d.W * d.IC, (b.h1 - b.h0) * d.W, d.IC, d.IC);
        fetch.add(dy + (b.n * d.OH() + b.oh0) * d.OW() * d.OC, (b.oh1 - b.oh0) * d.OW(), d.OC, d.OC);
        return fetch;
    }

    /// The tiles of kernel row kh and one panel.
    void tiles(const Block& b, const float* copy, int64_t kh, int64_t panel, Store store, int64_t lines,
               Fetch& fetch) const {
        const Conv2dDims& d = plan.d;
        const float* x_runs[kMaxSegments];
        const float* dy_runs[kMaxSegments];
        int64_t depths[kMaxSegments];
        int64_t runs = 0;
        for (int64_t oh = b.oh0; oh < b.oh1; ++oh) {
            const int64_t h = oh * d.stride - d.pad + kh;
            if (!inside(h, d.H)) continue;
            x_runs[runs] = copy + (h - b.h0) * plan.width;
            dy_runs[runs] = dy + (b.n * d.OH() + oh) * d.OW() * d.OC;
            depths[runs++] = d.OW();
        }
        if (runs == 0 && store == Store::add) return;
        const float** a = plan.x_rows ? x_runs : dy_runs;
        const float** columns = plan.x_rows ? dy_runs : x_runs;
        for (int64_t s = 0; s < runs; ++s) columns[s] += panel * kPanel;
        const int64_t x_step = d.stride * d.IC, tile_rows = plan.tile_rows();
        const int64_t c_step = plan.x_rows ? d.OC : d.KH * d.KW * d.IC;
        float* c = sum + kh * d.KW * d.IC * (plan.x_rows ? d.OC : 1) + panel * kPanel;
        for (int64_t i = 0, begin = 0, end; i < tile_count(tile_rows); ++i, begin = end) {
            end = tile_begin(tile_rows, i + 1);
            fetch.advance(lines);
            multiply(end - begin,
                     ColumnTile{a, columns, depths, runs, plan.x_rows ? x_step : d.OC, plan.x_rows ? d.OC : x_step,
                                c + begin * c_step, c_step, std::min(kPanel, plan.columns() - panel * kPanel), store});
            for (int64_t s = 0; s < runs; ++s) a[s] += end - begin;
        }
    }

    void run() const {
        const int64_t height = (plan.rows - 1) * plan.d.stride + plan.d.KH;
        float* copy = scratch(ScratchUse::packed_tile, height * plan.width + kPanel);
        const int64_t tiles_of_block = plan.d.KH * (p1 - p0) * tile_count(plan.tile_rows());
        for (int64_t i = first; i < last; ++i) {
            const Block b = block(i);
            copy_rows(b, copy);
            Fetch fetch = i + 1 < last ? fetch_of(block(i + 1)) : Fetch();
            const int64_t lines = divide_up(fetch.lines(), tiles_of_block);
            for (int64_t panel = p0; panel < p1; ++panel)
                for (int64_t kh = 0; kh < plan.d.KH; ++kh)
                    tiles(b, copy, kh, panel, i == first ? Store::replace : Store::add, lines, fetch);
        }
    }
};

HWY_INLINE void flat_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    const FlatPlan plan = plan_flat(d);
    const int64_t count = d.weight_count();
    float* sums = plan.partials == 1 && !plan.x_rows ? dweight : scratch(ScratchUse::partials, plan.partials * count);
    const auto cut = [](int64_t total, int64_t i, int64_t parts) { return total * i / parts; };
    parallel_for(plan.partials * plan.column_pieces, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t column = i % plan.column_pieces, part = i / plan.column_pieces;
            FlatPiece{plan,
                      x,
                      dy,
                      sums + part * count,
                      cut(plan.blocks, part, plan.partials),
                      cut(plan.blocks, part + 1, plan.partials),
                      cut(plan.panels(), column, plan.column_pieces),
                      cut(plan.panels(), column + 1, plan.column_pieces)}
                .run();
        }
    });
    if (plan.partials > 1) add_partials(sums, plan.partials, count, plan.x_rows ? sums : dweight);
    if (plan.x_rows) transpose(sums, count / d.OC, d.OC, dweight);
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggled include guard
