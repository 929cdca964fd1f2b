// How a direct convolution is cut: into blocks of depth, of columns and of pixels. All by the shape alone.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_CONV2D_PLAN_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_CONV2D_PLAN_INL_H
#undef MOCO_CPU_CONV2D_PLAN_INL_H
#else
#define MOCO_CPU_CONV2D_PLAN_INL_H
#endif

#include <algorithm>
#include <vector>

#include "cpu/conv2d_taps.h"
#include "cpu/dot_tile-inl.h"
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

inline constexpr int64_t kBlockTaps = 64;         // at most, in a block of depth
inline constexpr int64_t kBlockDepth = 576;       // taps x channels: nine taps of 64 channels
inline constexpr int64_t kBlockFloats = 1 << 16;  // of packed weights: a quarter of a megabyte stays in L2
inline constexpr int64_t kFlattenChannels = 16;   // up to here, the taps of a kernel row are one segment
inline constexpr double kPieceFlops = 2e6;        // some ten microseconds
inline constexpr int64_t kPiecePixels = 112;      // at least, for each reading of the packed weights
inline constexpr int64_t kMaxPieces = 64;
inline constexpr int64_t kDotDepth = 64;  // from here on, adding up the lanes of dot products does not show

/// What depends on the type of the images' elements.
struct PlanLimits {
    int64_t element_bytes = sizeof(float);
    int64_t block_depth = kBlockDepth;
    int64_t block_elements = kBlockFloats;
    int64_t max_dots = kMaxDots;
};

/// Part of a class's sum: its taps [begin, end), `depth` input channels from `channel` on.
struct DepthBlock {
    int64_t begin, end, channel, depth;
};

struct PlannedTap {
    int64_t h, w;    // offsets in pixels
    int64_t in;      // the same in elements
    int64_t packed;  // where its weights are within a panel
};

struct PlannedClass {
    TapAxis h, w;
    std::vector<PlannedTap> taps;
    std::vector<DepthBlock> blocks;
};

/// Which pixels make a tile.
enum class TileOrder {
    rows,       // neighbours in the image: of one row if it is long enough, else across rows and images
    positions,  // the same pixel of consecutive images, so that all rows of a tile see the same taps
};

/// Everything the pieces of one convolution share. Distances are in elements.
struct ConvPlan {
    TapConv conv;
    PlanLimits limits;
    std::vector<PlannedClass> classes;
    bool flattened = false;                    // input rows are copied between zeros, taps of a row are one segment
    int64_t depth = 0;                         // of one tap
    int64_t pixel_step, row_step, image_step;  // in the input, or in the copy
    int64_t grid_h = 0, grid_w = 0;            // pixels of the largest class
    TileOrder order = TileOrder::rows;
    int64_t tile_rows = kMaxRows;  // at most
    int64_t dots = 0;              // columns at the end that are not in panels but summed by DotTile
    int64_t block_columns = 0;     // of the output, whose weights for one block of depth stay in L2
    int64_t image_pieces = 1, row_pieces = 1, column_pieces = 1;

    int64_t panel_size() const { return conv.KH * conv.KW * conv.in_C * kPanel; }
    int64_t panels() const { return panel_count(conv.out_C - dots); }
    int64_t pieces() const { return image_pieces * row_pieces * column_pieces; }
};

/// One piece: images [n0, n1), grid rows [h0, h1), output channels [c0, c1) in panels.
struct ConvPiece {
    int64_t n0, n1, h0, h1, c0, c1;
};

HWY_INLINE std::vector<DepthBlock> depth_blocks(int64_t taps, int64_t depth, int64_t block_depth) {
    std::vector<DepthBlock> blocks;
    if (taps == 0) return {{0, 0, 0, 0}};
    const int64_t parts = (depth + block_depth - 1) / block_depth;
    const int64_t most = std::clamp<int64_t>(block_depth / depth, 1, kBlockTaps);
    const int64_t groups = (taps + most - 1) / most;
    for (int64_t g = 0; g < groups; ++g)
        for (int64_t p = 0; p < parts; ++p)
            blocks.push_back({taps * g / groups, taps * (g + 1) / groups, depth * p / parts,
                              depth * (p + 1) / parts - depth * p / parts});
    return blocks;
}

HWY_INLINE PlannedClass plan_class(const ConvPlan& plan, const TapClass& c) {
    PlannedClass planned{c.h, c.w, {}, {}};
    for (const TapAxis::Tap& h : c.h.taps)
        for (const TapAxis::Tap& w : c.w.taps)
            planned.taps.push_back({h.offset, w.offset, h.offset * plan.row_step + w.offset * plan.pixel_step,
                                    (h.place * plan.conv.KW + w.place) * plan.conv.in_C * kPanel});
    planned.blocks = depth_blocks(static_cast<int64_t>(planned.taps.size()), plan.depth, plan.limits.block_depth);
    return planned;
}

/// With few channels the taps of a kernel row are too short for segments of their own. In a copy of the input with
/// zeros left and right they are one segment, contiguous in memory and in the packed weights.
HWY_INLINE void flatten(ConvPlan& plan) {
    TapAxis& w = plan.conv.classes.front().w;
    const int64_t width = (w.count - 1) * w.in_step + plan.conv.KW;
    plan.flattened = true;
    plan.depth = plan.conv.KW * plan.conv.in_C;
    plan.row_step = width * plan.conv.in_C;
    plan.image_step = plan.conv.in_H * plan.row_step;
}

/// Rows of A a multiple of 4 KiB apart fall into the same set of L1, which holds eight lines or twelve: more rows would
/// drive each other out.
HWY_INLINE int64_t tile_rows(const ConvPlan& plan) {
    const int64_t step =
        plan.order == TileOrder::positions ? plan.image_step : plan.pixel_step * plan.classes.front().w.in_step;
    return step * plan.limits.element_bytes % 4096 == 0 ? std::min<int64_t>(kMaxRows, 8) : kMaxRows;
}

HWY_INLINE void cut_pieces(ConvPlan& plan) {
    const TapConv& conv = plan.conv;
    int64_t block_depth = 1;
    double products = 0;
    for (const PlannedClass& c : plan.classes) {
        products += static_cast<double>(c.taps.size()) * static_cast<double>(plan.depth * c.h.count * c.w.count);
        for (const DepthBlock& b : c.blocks) block_depth = std::max(block_depth, (b.end - b.begin) * b.depth);
    }
    plan.block_columns = std::max<int64_t>(1, plan.limits.block_elements / block_depth / kPanel) * kPanel;
    const double flops = 2 * products * static_cast<double>(conv.N * conv.out_C);
    const int64_t wanted = 4 * std::clamp<int64_t>(static_cast<int64_t>(flops / kPieceFlops / 4), 1, kMaxPieces / 4);
    const int64_t pixels = conv.N * plan.grid_h * plan.grid_w;
    const int64_t pixel_pieces = std::min(wanted, std::max<int64_t>(1, pixels / kPiecePixels));
    plan.column_pieces = std::clamp<int64_t>(wanted / pixel_pieces, 1, std::max<int64_t>(1, plan.panels()));
    if (plan.order == TileOrder::positions) {
        plan.row_pieces = std::min(plan.grid_h, pixel_pieces);
        plan.image_pieces = std::clamp<int64_t>(pixel_pieces / plan.row_pieces, 1, conv.N / kMaxRows);
    } else {
        plan.image_pieces = std::min(conv.N, pixel_pieces);
        plan.row_pieces = std::clamp<int64_t>(pixel_pieces / plan.image_pieces, 1, plan.grid_h);
    }
}

HWY_INLINE ConvPlan plan_conv(TapConv conv, const PlanLimits& limits = {}) {
    ConvPlan plan;
    plan.limits = limits;
    // 1x1 without stride: pixels need not know their place.
    if (conv.KH * conv.KW == 1 && conv.in_H == conv.out_H && conv.in_W == conv.out_W && conv.classes.size() == 1 &&
        conv.classes[0].h.taps[0].offset == 0) {
        conv.N *= conv.in_H * conv.in_W;
        conv.in_H = conv.in_W = conv.out_H = conv.out_W = 1;
        conv.classes = {{{1, 0, 1, 1, 1, {{0, 0}}}, {1, 0, 1, 1, 1, {{0, 0}}}}};
    }
    for (const TapClass& c : conv.classes) {
        plan.grid_h = std::max(plan.grid_h, c.h.count);
        plan.grid_w = std::max(plan.grid_w, c.w.count);
    }
    // A tile of points is one run of images; of small images it sees fewer of the padded taps.
    const bool padded = conv.KH * conv.KW > 1, points = conv.in_H * conv.in_W * conv.KH * conv.KW == 1;
    if ((padded || points) && conv.N >= kMaxRows && plan.grid_w <= 8) plan.order = TileOrder::positions;
    plan.depth = plan.pixel_step = conv.in_C;
    plan.row_step = conv.in_W * conv.in_C;
    plan.image_step = conv.in_H * plan.row_step;
    plan.conv = std::move(conv);
    if (plan.conv.KW > 1 && plan.conv.KW <= kBlockTaps && plan.conv.in_C <= kFlattenChannels &&
        plan.conv.classes.size() == 1 && plan.order == TileOrder::rows) {
        flatten(plan);
    }
    for (const TapClass& c : plan.conv.classes) {
        TapClass used = c;
        if (plan.flattened) {
            used.w.in_extent = plan.row_step / plan.conv.in_C;
            used.w.taps = {{0, 0}};
        }
        plan.classes.push_back(plan_class(plan, used));
    }
    const int64_t rest = plan.conv.out_C % kLanes, taps = plan.conv.KH * plan.conv.KW;
    if (rest <= limits.max_dots && taps * plan.conv.in_C >= kDotDepth) plan.dots = rest;
    plan.tile_rows = tile_rows(plan);
    cut_pieces(plan);
    return plan;
}

/// Piece `index` of plan.pieces(). Neighbours share their columns, but where the weights of all of them fit into L2,
/// their images: a thread then reads and writes the same ones as in other passes.
HWY_INLINE ConvPiece piece_of(const ConvPlan& plan, int64_t index) {
    constexpr int64_t kFewWeights = 1 << 17;  // floats
    const bool by_images = plan.panels() * plan.panel_size() * plan.limits.element_bytes <= 4 * kFewWeights;
    const int64_t row = index % plan.row_pieces, rest = index / plan.row_pieces;
    const int64_t image = by_images ? rest / plan.column_pieces : rest % plan.image_pieces;
    const int64_t column = by_images ? rest % plan.column_pieces : rest / plan.image_pieces;
    const auto cut = [](int64_t count, int64_t i, int64_t parts) { return count * i / parts; };
    return {cut(plan.conv.N, image, plan.image_pieces),
            cut(plan.conv.N, image + 1, plan.image_pieces),
            cut(plan.grid_h, row, plan.row_pieces),
            cut(plan.grid_h, row + 1, plan.row_pieces),
            cut(plan.panels(), column, plan.column_pieces) * kPanel,
            std::min(plan.conv.out_C - plan.dots, cut(plan.panels(), column + 1, plan.column_pieces) * kPanel)};
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggled include guard
