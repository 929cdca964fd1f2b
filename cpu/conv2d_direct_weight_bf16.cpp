// The gradient of the weights as an implicit matrix product of bf16 pairs: rows are output channels, columns input
// channels of one tap, depth is all output pixels.
//
// A pair here is the same pixel of two consecutive images, so that every tap sees the same pairs. (A 1x1 kernel that
// sees all pixels takes each for an image.) A block of depth, some rows of y or a few whole small images, is copied as
// pairs, x in panels and dy in tiles of rows. The blocks are cut into parts whose sums are kept apart and added in
// order at the end.
#include <algorithm>
#include <vector>

#include "core/parallel.h"
#include "cpu/conv2d_direct_bf16.h"
#include "cpu/partials.h"
#include "cpu/scratch.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/conv2d_direct_weight_bf16.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/microkernel_bf16-inl.h"
#include "cpu/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

#if MOCO_BF16_TARGET
constexpr int64_t kPixels = 256;             // of y in a block, about: summed before a tile of dweight is updated
constexpr int64_t kPoints = 128;             // the same of 1x1 kernels, each pair of which is used once
constexpr int64_t kLeastPairs = 16;          // of images, where a run is one pixel of them
constexpr int64_t kCopyPairs = 1 << 16;      // of x, or of dy, in a block: a quarter of a megabyte
constexpr int64_t kPartialFloats = 1 << 20;  // of all partial sums: 4 MiB
constexpr int64_t kWantedPieces = 16;
constexpr int64_t kFewChannels = 16;
constexpr int64_t kMaxRuns = 64;
constexpr int64_t kTileStep = 16;  // pairs from one pixel of a tile of dy to the next: the rows of a tile, a line
constexpr int64_t kAhead =
    2048;                      // how far before their copy values are asked for, in bf16: the processor's guess is late
constexpr int64_t kSkew = 16;  // pairs between panels or tiles beyond their own: other cache sets

int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/// Distances and cuts, all by the shape alone. The copied grid has `height` x `width` cells: input pixels, or, where
/// the kernel has one row or column, only those that y sees.
struct PairPlan {
    Conv2dDims d;
    bool flat = false;    // few channels: the copy is [row][column][IC], a tile's columns are taps of a row x channels
    bool images = false;  // a run is one pixel of consecutive pairs of images, else a row of one pair
    int64_t taps = 0, columns = 0;  // dweight is OC x taps x columns
    int64_t pairs = 1, rows = 0;    // of images and of y's rows, in a block, at most
    int64_t height = 0, width = 0, h_step = 1, w_step = 1;
    int64_t blocks_per_image = 1, blocks = 0;
    int64_t partials = 1, row_pieces = 1, column_pieces = 1;

    int64_t panels() const { return panel_count(columns); }
    int64_t cell_step() const { return flat ? d.IC : kPanel; }
    int64_t panel_step() const { return flat ? kPanel : height * width * pairs * kPanel + kSkew; }
    int64_t tile_step() const { return rows * d.OW() * pairs * kTileStep + kSkew; }
};

PairPlan plan_pairs(Conv2dDims d) {
    if (d.KH * d.KW == 1 && d.stride == 1 && d.pad == 0) d = {d.N * d.H * d.W, 1, 1, d.IC, d.OC, 1, 1, 1, 0};
    const int64_t OH = d.OH(), OW = d.OW(), all_pairs = divide_up(d.N, 2);
    PairPlan p{.d = d};
    p.flat = d.KW > 1 && d.IC <= kFewChannels;
    p.images = !p.flat && OH <= 8 && OW <= 8;
    p.taps = p.flat ? d.KH : d.KH * d.KW;
    p.columns = p.flat ? d.KW * d.IC : d.IC;
    if (p.images) p.pairs = std::min(all_pairs, std::max(kLeastPairs, (p.taps == 1 ? kPoints : kPixels) / (OH * OW)));
    p.pairs = divide_up(all_pairs, divide_up(all_pairs, p.pairs));
    p.rows = p.images ? OH : std::clamp<int64_t>(kPixels / OW, 1, std::min(OH, kMaxRuns));
    p.blocks_per_image = divide_up(OH, p.rows);
    p.rows = divide_up(OH, p.blocks_per_image);
    p.blocks = divide_up(all_pairs, p.pairs) * p.blocks_per_image;
    p.h_step = d.KH == 1 ? d.stride : 1;
    p.w_step = d.KW == 1 ? d.stride : 1;
    p.height = d.KH == 1 ? p.rows : (p.rows - 1) * d.stride + d.KH;
    p.width = d.KW == 1 ? OW : (OW - 1) * d.stride + d.KW;
    if (!p.flat) p.column_pieces = divide_up(p.panels() * p.panel_step(), kCopyPairs);
    p.column_pieces = std::min(p.column_pieces, p.panels());
    p.row_pieces = std::min(divide_up(tile_count(d.OC) * p.tile_step(), kCopyPairs), tile_count(d.OC));
    const int64_t pieces = p.row_pieces * p.column_pieces;
    p.partials = std::min(kPartialFloats / d.weight_count(), divide_up(2 * kWantedPieces, pieces));
    p.partials = std::clamp<int64_t>(p.partials, 1, std::min<int64_t>(kMaxPartials, p.blocks));
    const int64_t more = divide_up(kWantedPieces, p.partials * pieces);
    p.row_pieces = std::max(p.row_pieces, std::min(p.row_pieces * more, divide_up(d.OC, 2 * kMaxRows)));
    return p;
}

/// One block of depth: pairs [q0, q1) of images, rows [oh0, oh1) of y.
struct PairBlock {
    int64_t q0, q1, oh0, oh1;
};

PairBlock block_at(const PairPlan& p, int64_t index) {
    const int64_t group = index / p.blocks_per_image, row = index % p.blocks_per_image * p.rows;
    return {group * p.pairs, std::min(divide_up(p.d.N, 2), (group + 1) * p.pairs), row,
            std::min(p.d.OH(), row + p.rows)};
}

bool inside(int64_t value, int64_t extent) {
    return static_cast<uint64_t>(value) < static_cast<uint64_t>(extent);
}

/// The input pixel of cell (row, column), which may be outside the image.
int64_t input_h(const PairPlan& p, const PairBlock& b, int64_t row) {
    return b.oh0 * p.d.stride - p.d.pad + row * p.h_step;
}
int64_t input_w(const PairPlan& p, int64_t column) {
    return column * p.w_step - p.d.pad;
}

/// Two images' values of one pixel: `second` is null behind the last of an odd number of images.
struct PixelPair {
    const uint16_t* first;
    const uint16_t* second;

    /// `count` pairs, 0..kLanes, from channel c on; zeros follow.
    HWY_INLINE __m512i load(int64_t c, int64_t count) const {
        const auto mask = static_cast<__mmask16>((1u << count) - 1);
        __builtin_prefetch(first + c + kAhead, 0, 2);
        const __m512i lower = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, first + c));
        if (second == nullptr) return lower;
        __builtin_prefetch(second + c + kAhead, 0, 2);
        const __m512i upper = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, second + c));
        return _mm512_or_si512(lower, _mm512_slli_epi32(upper, 16));
    }
};

PixelPair pair_at(const uint16_t* images, int64_t q, int64_t N, int64_t image, int64_t offset) {
    const uint16_t* first = images + (2 * q * image + offset);
    return {first, 2 * q + 1 < N ? first + image : nullptr};
}

/// One piece: blocks [first, last) of depth, output channels [oc0, oc1), panels [p0, p1), into `sum`.
struct PairPiece {
    const PairPlan& plan;
    const uint16_t* x;
    const uint16_t* dy;
    float* sum;
    int64_t first, last, oc0, oc1, p0, p1;

    void copy_cell(const PixelPair& pixel, uint32_t* to) const {
        if (plan.flat) {
            _mm512_mask_storeu_epi32(to, static_cast<__mmask16>((1u << plan.d.IC) - 1), pixel.load(0, plan.d.IC));
            return;
        }
        const int64_t step = plan.panel_step();
        for (int64_t panel = p0; panel < p1; ++panel, to += step)
            for (int64_t c = 0; c < kPanel; c += kLanes) {
                const int64_t ic = panel * kPanel + c;
                _mm512_storeu_si512(to + c, pixel.load(ic, std::clamp<int64_t>(plan.d.IC - ic, 0, kLanes)));
            }
    }

    void clear_cell(uint32_t* to) const {
        for (int64_t panel = p0; panel < (plan.flat ? p0 + 1 : p1); ++panel, to += plan.panel_step())
            std::fill_n(to, plan.cell_step(), 0);
    }

    /// [panel][row][column][pair][cell_step]
    void copy_x(const PairBlock& b, uint32_t* to) const {
        const Conv2dDims& d = plan.d;
        const int64_t pairs = b.q1 - b.q0, image = d.H * d.W * d.IC;
        for (int64_t r = 0; r < plan.height; ++r) {
            const int64_t h = input_h(plan, b, r);
            if (!inside(h, d.H)) continue;
            for (int64_t c = 0; c < plan.width; ++c) {
                const int64_t w = input_w(plan, c);
                uint32_t* cells = to + (r * plan.width + c) * pairs * plan.cell_step();
                for (int64_t q = 0; q < pairs; ++q, cells += plan.cell_step()) {
                    if (inside(w, d.W)) {
                        copy_cell(pair_at(x, b.q0 + q, d.N, image, (h * d.W + w) * d.IC), cells);
                    } else if (!plan.images) {
                        clear_cell(cells);
                    }
                }
            }
        }
        if (plan.flat) std::fill_n(to + plan.height * plan.width * plan.d.IC, kPanel, 0);
    }

    /// [tile][row][column][pair][kTileStep]
    void copy_dy(const PairBlock& b, uint32_t* to) const {
        const Conv2dDims& d = plan.d;
        const int64_t image = d.OH() * d.OW() * d.OC, tiles = tile_count(oc1 - oc0), tile_step = plan.tile_step();
        std::vector<int64_t> begin(static_cast<size_t>(tiles) + 1);  // the divisions would take as long as the copy
        for (int64_t i = 0; i <= tiles; ++i) begin[static_cast<size_t>(i)] = oc0 + tile_begin(oc1 - oc0, i);
        for (int64_t pixel = b.oh0 * d.OW(); pixel < b.oh1 * d.OW(); ++pixel)
            for (int64_t q = b.q0; q < b.q1; ++q, to += kTileStep) {
                const PixelPair from = pair_at(dy, q, d.N, image, pixel * d.OC);
                uint32_t* tile = to;
                for (size_t i = 0; i + 1 < begin.size(); ++i, tile += tile_step)
                    _mm512_storeu_si512(tile, from.load(begin[i], begin[i + 1] - begin[i]));
            }
    }

    /// Where the runs of pixels that a tap sums over begin in the copies of the first tile and panel; returns how many.
    int64_t runs_of(const PairBlock& b, int64_t tap, int64_t* dy_runs, int64_t* x_runs) const {
        const Conv2dDims& d = plan.d;
        const int64_t kw_count = plan.taps / d.KH, kh = tap / kw_count, kw = tap % kw_count, pairs = b.q1 - b.q0;
        int64_t count = 0;
        for (int64_t oh = b.oh0; oh < b.oh1; ++oh) {
            const int64_t row = d.KH == 1 ? oh - b.oh0 : (oh - b.oh0) * d.stride + kh;
            if (!inside(input_h(plan, b, row), d.H)) continue;
            for (int64_t ow = 0; ow < (plan.images ? d.OW() : 1); ++ow) {
                const int64_t column = d.KW == 1 ? ow : ow * d.stride + kw;
                if (plan.images && !inside(input_w(plan, column), d.W)) continue;
                dy_runs[count] = ((oh - b.oh0) * d.OW() + ow) * pairs * kTileStep;
                x_runs[count++] = (row * plan.width + column) * pairs * plan.cell_step();
            }
        }
        return count;
    }

    void tap(const PairBlock& b, const uint32_t* x_copy, const uint32_t* dy_copy, int64_t index, Store store) const {
        const Conv2dDims& d = plan.d;
        int64_t dy_runs[kMaxRuns], x_runs[kMaxRuns], depths[kMaxRuns];
        const int64_t runs = runs_of(b, index, dy_runs, x_runs);
        if (runs == 0 && store == Store::add) return;
        std::fill_n(depths, runs, plan.images ? b.q1 - b.q0 : d.OW());
        const int64_t b_step = (plan.images || d.KW == 1 ? 1 : d.stride) * plan.cell_step();
        const uint32_t *a_rows[kMaxRuns], *b_rows[kMaxRuns];
        for (int64_t panel = p0; panel < p1; ++panel) {
            for (int64_t s = 0; s < runs; ++s) b_rows[s] = x_copy + ((panel - p0) * plan.panel_step() + x_runs[s]);
            for (int64_t i = 0; i < tile_count(oc1 - oc0); ++i) {
                const int64_t oc = oc0 + tile_begin(oc1 - oc0, i), end = oc0 + tile_begin(oc1 - oc0, i + 1);
                for (int64_t s = 0; s < runs; ++s) a_rows[s] = dy_copy + (i * plan.tile_step() + dy_runs[s]);
                multiply(end - oc,
                         PairColumns{a_rows, b_rows, depths, runs, kTileStep, b_step,
                                     sum + (oc * plan.taps + index) * plan.columns + panel * kPanel,
                                     plan.taps * plan.columns, std::min(kPanel, plan.columns - panel * kPanel), store});
            }
        }
    }

    void run() const {
        const int64_t x_pairs =
            plan.flat ? plan.height * plan.width * plan.d.IC + kPanel : (p1 - p0) * plan.panel_step();
        auto* x_copy = reinterpret_cast<uint32_t*>(scratch(ScratchUse::packed_tile, x_pairs));
        auto* dy_copy =
            reinterpret_cast<uint32_t*>(scratch(ScratchUse::packed_b, tile_count(oc1 - oc0) * plan.tile_step()));
        for (int64_t i = first; i < last; ++i) {
            const PairBlock b = block_at(plan, i);
            copy_x(b, x_copy);
            copy_dy(b, dy_copy);
            for (int64_t t = 0; t < plan.taps; ++t)
                tap(b, x_copy, dy_copy, t, i == first ? Store::replace : Store::add);
        }
    }
};

void backward_weight(const Conv2dDims& d, const uint16_t* x, const uint16_t* dy, float* dweight) {
    const PairPlan plan = plan_pairs(d);
    const int64_t count = d.weight_count();
    float* sums = plan.partials == 1 ? dweight : scratch(ScratchUse::partials, plan.partials * count);
    const auto cut = [](int64_t total, int64_t i, int64_t parts) { return total * i / parts; };
    parallel_for(plan.partials * plan.row_pieces * plan.column_pieces, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t part = i % plan.partials, column = i / plan.partials % plan.column_pieces,
                          row = i / plan.partials / plan.column_pieces;
            PairPiece{plan,
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
#else
// Never called: has_bf16_products() says so.
void backward_weight(const Conv2dDims&, const uint16_t*, const uint16_t*, float*) {}
#endif

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {
namespace {

HWY_EXPORT(backward_weight);

}  // namespace

void direct_backward_weight_bf16(const Conv2dDims& d, const uint16_t* x, const uint16_t* dy, float* dweight) {
    HWY_DYNAMIC_DISPATCH(backward_weight)(d, x, dy, dweight);
}

}  // namespace moco::cpu
#endif
