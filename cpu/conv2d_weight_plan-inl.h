// How the gradient of a direct convolution's weights is cut: which pixels are a block of depth, how x is copied, and
// into how many pieces and partial sums. All by the shape alone.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_CONV2D_WEIGHT_PLAN_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_CONV2D_WEIGHT_PLAN_INL_H
#undef MOCO_CPU_CONV2D_WEIGHT_PLAN_INL_H
#else
#define MOCO_CPU_CONV2D_WEIGHT_PLAN_INL_H
#endif

#include <algorithm>

#include "core/dims.h"
#include "core/parallel.h"
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

inline constexpr int64_t kPixels = 256;        // of y, summed in registers before a tile of dweight is updated
inline constexpr int64_t kPixelsInPlace = 96;  // the same where they lie apart in x, and are to stay in L1 all the same
inline constexpr int64_t kCopyFloats = 1 << 16;     // of a block of x: a quarter of a megabyte
inline constexpr int64_t kPieceRows = 256;          // at most where dy is copied: a block of it is no larger
inline constexpr int64_t kPartialFloats = 1 << 20;  // of all partial sums: 4 MiB
inline constexpr int64_t kPartialPixels = 256;      // at least, or adding up the partial sums would show
inline constexpr int64_t kWantedPieces = 16;
inline constexpr int64_t kMaxSegments = 64;

HWY_INLINE int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/// What a block of x is and how it is copied. Pixels beyond the image are left out, of the copy and of the sums.
enum class Copy {
    rows,      // the rows that some rows of y see; [panel][row][column][kPanel]
    in_place,  // x itself, for 1x1 kernels
    pixels,    // the same where its channels crowd into one cache set; [panel][pixel that y sees][kPanel]
    images,    // whole small images: [panel][row][column][image][kPanel]
};

/// Distances and cuts, all by the shape alone. The copied grid has `height` x `width` cells: input pixels, or, where
/// the kernel has one row or column, only those that y sees.
struct WeightPlan {
    Conv2dDims d;
    Copy copy = Copy::rows;
    int64_t taps = 0;
    int64_t rows = 0;    // of y in a block
    int64_t images = 1;  // of a block, at most
    int64_t height = 0, width = 0, h_step = 1, w_step = 1;
    int64_t blocks_per_image = 1, blocks = 0;
    int64_t partials = 1, row_pieces = 1, column_pieces = 1;
    bool copies_dy = false;

    int64_t panels() const { return panel_count(d.IC); }
    /// Whether a run of pixels is the same pixel of consecutive images, else a row of y.
    bool images_are_runs() const { return copy == Copy::images || (sees_points() && d.stride == 1); }
    /// 1x1: a run of x is all that y's run sees.
    bool sees_points() const { return copy == Copy::in_place || copy == Copy::pixels; }
    /// Between a pixel's first channel and its neighbour's, and between panels.
    int64_t cell_step() const { return copy == Copy::in_place ? d.IC : kPanel; }
    int64_t panel_step(int64_t images_now, int64_t rows_now) const {
        if (copy == Copy::in_place) return kPanel;
        return (copy == Copy::pixels ? rows_now * d.OW() : height * width) * images_now * kPanel;
    }
};

/// Whether pixels so far apart are copied, because a low tile has few products for each: where they share one set (dy)
/// or two (x, of which a tile reads whole lines), and where they share four if there are many channels of the other
/// tensor, for each tile or panel of which they are read again.
HWY_INLINE bool crowded_x(int64_t step, int64_t output_channels) {
    return kMaxRows < 8 && (in_one_set(2 * step) || (in_one_set(4 * step) && output_channels >= 256));
}
HWY_INLINE bool crowded_dy(int64_t step, int64_t input_channels) {
    return kMaxRows < 8 && (in_one_set(step) || (in_one_set(4 * step) && input_channels >= 128));
}

/// How many images, or rows of one, are a block of a 1x1 kernel.
HWY_INLINE void plan_points(WeightPlan& p) {
    const bool in_L1 = p.copy == Copy::in_place && !in_one_set(p.d.stride * p.d.IC);
    const int64_t OH = p.d.OH(), OW = p.d.OW(), pixels = in_L1 ? kPixelsInPlace : kPixels;
    p.rows = std::clamp<int64_t>(pixels / OW, 1, std::min(OH, kMaxSegments));
    if (p.rows == OH) p.images = std::max<int64_t>(1, pixels / (OH * OW));
    if (!p.images_are_runs()) p.images = std::min(p.images, kMaxSegments / p.rows);
}

/// Whether a 1x1 kernel's dweight is computed transposed, x and dy in each other's place, because the output channels
/// fill vectors better than the input channels do.
HWY_INLINE bool transposed_preferred(const Conv2dDims& d) {
    return d.KH * d.KW == 1 && d.stride == 1 && d.pad == 0 &&
           10 * d.IC * divide_up(d.OC, kLanes) <= 9 * d.OC * divide_up(d.IC, kLanes);
}

HWY_INLINE WeightPlan plan_weight(Conv2dDims d) {
    // 1x1 without stride: every pixel is an image.
    if (d.KH * d.KW == 1 && d.stride == 1 && d.pad == 0) d = {d.N * d.H * d.W, 1, 1, d.IC, d.OC, 1, 1, 1, 0};
    const int64_t OH = d.OH(), OW = d.OW();
    WeightPlan p{.d = d};
    if (d.KH * d.KW == 1 && d.pad == 0) {
        p.copy = d.IC % kLanes != 0 || crowded_x(d.stride * d.IC, d.OC) ? Copy::pixels : Copy::in_place;
    } else if (OW <= 8 && OH <= 8 && d.N >= 8) {
        p.copy = Copy::images;
    }
    p.taps = d.KH * d.KW;
    p.rows = p.images_are_runs() ? OH : std::clamp<int64_t>(kPixels / OW, 1, std::min(OH, kMaxSegments));
    if (p.sees_points()) plan_points(p);
    p.blocks_per_image = divide_up(OH, p.rows);
    p.rows = divide_up(OH, p.blocks_per_image);
    p.h_step = d.KH == 1 ? d.stride : 1;
    p.w_step = d.KW == 1 ? d.stride : 1;
    p.height = d.KH == 1 ? p.rows : (p.rows - 1) * d.stride + d.KH;
    p.width = d.KW == 1 ? OW : (OW - 1) * d.stride + d.KW;
    const int64_t cell = p.height * p.width * kPanel;
    if (p.copy == Copy::images) {
        p.images = std::clamp<int64_t>(kCopyFloats / (cell * std::min<int64_t>(p.panels(), 4)), 8, kPixels);
    }
    p.images = divide_up(d.N, divide_up(d.N, p.images));
    p.blocks = divide_up(d.N, p.images) * p.blocks_per_image;
    p.column_pieces = divide_up(p.panels(), std::max<int64_t>(1, kCopyFloats / (cell * p.images)));
    p.partials = std::min(kPartialFloats / d.weight_count(), divide_up(2 * kWantedPieces, p.column_pieces));
    p.partials = std::min(p.partials, d.N * OH * OW / kPartialPixels);
    p.partials = std::clamp<int64_t>(p.partials, 1, std::min<int64_t>(kMaxPartials, p.blocks));
    p.row_pieces = std::min(divide_up(kWantedPieces, p.partials * p.column_pieces), divide_up(d.OC, 2 * kMaxRows));
    p.copies_dy = p.images_are_runs() ? crowded_dy(OH * OW * d.OC, d.IC) : d.KH * d.KW == 1 && crowded_dy(d.OC, d.IC);
    if (p.copies_dy) p.row_pieces = std::max(p.row_pieces, divide_up(d.OC, kPieceRows));
    return p;
}

/// One block of depth: images [n0, n1), rows [oh0, oh1) of y.
struct PixelBlock {
    int64_t n0, n1, oh0, oh1;
};

HWY_INLINE PixelBlock block_at(const WeightPlan& p, int64_t index) {
    const int64_t group = index / p.blocks_per_image, row = index % p.blocks_per_image * p.rows;
    return {group * p.images, std::min(p.d.N, (group + 1) * p.images), row, std::min(p.d.OH(), row + p.rows)};
}

/// The input pixel of cell (row, column), which may be outside the image.
HWY_INLINE int64_t input_h(const WeightPlan& p, const PixelBlock& b, int64_t row) {
    return b.oh0 * p.d.stride - p.d.pad + row * p.h_step;
}
HWY_INLINE int64_t input_w(const WeightPlan& p, int64_t column) {
    return column * p.w_step - p.d.pad;
}

HWY_INLINE bool inside(int64_t value, int64_t extent) {
    return static_cast<uint64_t>(value) < static_cast<uint64_t>(extent);
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggled include guard
