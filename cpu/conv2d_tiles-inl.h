// The walk of a direct convolution over its tiles: which rows of A each needs, and where its results go.
//
// Within a piece of the output (conv2d_plan-inl.h), one block of depth is summed at a time, so that the packed weights
// it needs stay in L2 while the tiles of pixels pass by. T is the type of the images: float, or the bits of bf16.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_CONV2D_TILES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_CONV2D_TILES_INL_H
#undef MOCO_CPU_CONV2D_TILES_INL_H
#else
#define MOCO_CPU_CONV2D_TILES_INL_H
#endif

#include <algorithm>
#include <cstdint>

#include "cpu/conv2d_plan-inl.h"
#include "cpu/microkernel-inl.h"
#include "cpu/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// What the pixels outside an image point at.
inline constexpr int64_t kZeroBytes = 4096;
alignas(64) inline constexpr char kZeros[kZeroBytes] = {};
static_assert(kFlattenChannels * kBlockTaps <= 1024 && kBlockDepth <= 1024);

/// The input that a piece reads: all of it, or a copy that begins at image n0, row h0.
template <typename T>
struct Input {
    const T* pixels;
    int64_t n0 = 0, h0 = 0;
};

/// The pixels of one tile: where tap (0, 0) of each finds its input, in elements and as coordinates, and where the
/// result goes. Loops over tiles of any height go over all slots, so that whole vectors are stored and loaded again: a
/// load that only in part meets a store still on its way would wait for all stores before it, results on their way to
/// memory included.
struct TilePixels {
    static constexpr int64_t kSlots = (kMaxRows + 7) / 8 * 8;
    int64_t rows = 0;
    // Not set before add(), which sets all: with few channels that would be seen.
    alignas(64) int64_t in[kSlots], out[kSlots], h[kSlots], w[kSlots];
    int64_t h_min = INT64_MAX, h_max = INT64_MIN, w_min = INT64_MAX, w_max = INT64_MIN;

    /// `count` grid pixels from (n, grid_h, grid_w) on: neighbours in the row, or the same pixel of the next images.
    template <typename T>
    void add(const ConvPlan& p, const PlannedClass& c, const Input<T>& input, int64_t n, int64_t grid_h, int64_t grid_w,
             int64_t count) {
        const bool across = p.order == TileOrder::positions;
        const int64_t in_h = grid_h * c.h.in_step, in_w = grid_w * c.w.in_step;
        const int64_t out_h = c.h.out_begin + grid_h * c.h.out_step, out_w = c.w.out_begin + grid_w * c.w.out_step;
        const int64_t in_first = (n - input.n0) * p.image_step + (in_h - input.h0) * p.row_step + in_w * p.pixel_step;
        const int64_t out_first = ((n * p.conv.out_H + out_h) * p.conv.out_W + out_w) * p.conv.out_C;
        const int64_t in_step = across ? p.image_step : c.w.in_step * p.pixel_step;
        const int64_t out_step = (across ? p.conv.out_H * p.conv.out_W : c.w.out_step) * p.conv.out_C;
        const int64_t w_step = across ? 0 : c.w.in_step;
        for (int64_t i = 0; i < kSlots; ++i) {  // slots from `rows` on; those after `count` are yet to come or unused
            in[i] = i < rows ? in[i] : in_first + (i - rows) * in_step;
            out[i] = i < rows ? out[i] : out_first + (i - rows) * out_step;
            h[i] = i < rows ? h[i] : in_h;
            w[i] = i < rows ? w[i] : in_w + (i - rows) * w_step;
        }
        rows += count;
        h_min = std::min(h_min, in_h);
        h_max = std::max(h_max, in_h);
        w_min = std::min(w_min, in_w);
        w_max = std::max(w_max, in_w + (count - 1) * w_step);
    }
};

/// The pointers of one tile and one block of depth, as RowTile wants them.
template <typename T>
struct Segments {
    int64_t count = 0;
    const T* a[kBlockTaps * kMaxRows + TilePixels::kSlots];
    int64_t b_offset[kBlockTaps];
};

/// The block's taps that meet the image for some pixel of the tile; the other pixels get zeros.
template <typename T>
void find_segments(const PlannedClass& c, const DepthBlock& block, const T* in, const TilePixels& t, Segments<T>& s) {
    const int64_t H = c.h.in_extent, W = c.w.in_extent;
    const auto inside = [](int64_t value, int64_t extent) {
        return static_cast<uint64_t>(value) < static_cast<uint64_t>(extent);
    };
    s.count = 0;
    const T* zeros = reinterpret_cast<const T*>(kZeros);
    const T** a = s.a;
    for (int64_t i = block.begin; i < block.end; ++i) {
        const PlannedTap& tap = c.taps[static_cast<size_t>(i)];
        if (t.h_max + tap.h < 0 || t.h_min + tap.h >= H || t.w_max + tap.w < 0 || t.w_min + tap.w >= W) continue;
        const int64_t offset = tap.in + block.channel;
        if (t.h_min + tap.h >= 0 && t.h_max + tap.h < H && t.w_min + tap.w >= 0 && t.w_max + tap.w < W) {
            for (int64_t r = 0; r < TilePixels::kSlots; ++r) a[r] = in + (offset + t.in[r]);
        } else {
            for (int64_t r = 0; r < TilePixels::kSlots; ++r) {
                const bool h_met = inside(t.h[r] + tap.h, H), w_met = inside(t.w[r] + tap.w, W);
                a[r] = (h_met & w_met) ? in + (offset + t.in[r]) : zeros;
            }
        }
        s.b_offset[s.count++] = tap.packed + block.channel * kPanel;
        a += t.rows;
    }
}

/// A piece of one call: computes tiles, each with multiply(rows, Tile). Tile is RowTile or has the same members in the
/// same order, of T. `packed` are the weights of the piece's columns, with the tile's b_step.
template <typename T, class Tile>
struct TileWork {
    const ConvPlan& plan;
    const T* packed;
    T* out;
    ConvPiece piece;
    Input<T> input;
    int64_t b_step = kPanel;
    int64_t column_begin = 0, column_end = 0;
    Segments<T> segments;

    void tile(const PlannedClass& c, const DepthBlock& block, const TilePixels& t) {
        find_segments(c, block, input.pixels, t, segments);
        const Store store = block.begin == 0 && block.channel == 0 ? Store::replace : Store::add;
        if (segments.count == 0 && store == Store::add) return;
        alignas(64) T* rows[TilePixels::kSlots];
        for (int64_t n = column_begin; n < column_end; n += kPanel) {
            for (int64_t r = 0; r < TilePixels::kSlots; ++r) rows[r] = out + (t.out[r] + n);
            multiply(t.rows, Tile{segments.a, segments.b_offset, segments.count, block.depth,
                                  packed + (n - piece.c0) / kPanel * plan.panel_size(), b_step, rows,
                                  std::min(kPanel, column_end - n), store, n == piece.c0 ? ahead(c, t) : 0});
        }
    }

    /// Where, relative to this tile's pixels, those of the next one probably lie. With one tap nothing else has fetched
    /// them: the rows of a tile are too many streams for the processor to follow.
    int64_t ahead(const PlannedClass& c, const TilePixels& t) const {
        return c.taps.size() == 1 && t.rows > 1 ? t.rows * (t.in[1] - t.in[0]) : 0;
    }

    /// One grid pixel of all images of the piece.
    void tiles_at_position(const PlannedClass& c, const DepthBlock& block, int64_t h, int64_t w) {
        const int64_t images = piece.n1 - piece.n0;
        for (int64_t i = 0; i < tile_count(images, plan.tile_rows); ++i) {
            const int64_t n = tile_begin(images, i, plan.tile_rows);
            TilePixels t;
            t.add(plan, c, input, piece.n0 + n, h, w, tile_begin(images, i + 1, plan.tile_rows) - n);
            tile(c, block, t);
        }
    }

    /// One row, cut for itself: all pixels of a tile see the same rows of the kernel.
    void tiles_in_row(const PlannedClass& c, const DepthBlock& block, int64_t n, int64_t h) {
        for (int64_t i = 0; i < tile_count(c.w.count, plan.tile_rows); ++i) {
            const int64_t w = tile_begin(c.w.count, i, plan.tile_rows);
            TilePixels t;
            t.add(plan, c, input, n, h, w, tile_begin(c.w.count, i + 1, plan.tile_rows) - w);
            tile(c, block, t);
        }
    }

    /// Rows too short for tiles of their own, strung together.
    void tiles_across_rows(const PlannedClass& c, const DepthBlock& block, int64_t h1) {
        const int64_t height = h1 - piece.h0, width = c.w.count;
        const int64_t pixels = (piece.n1 - piece.n0) * height * width;
        for (int64_t i = 0; i < tile_count(pixels, plan.tile_rows); ++i) {
            TilePixels t;
            const int64_t end = tile_begin(pixels, i + 1, plan.tile_rows);
            for (int64_t at = tile_begin(pixels, i, plan.tile_rows); at < end;) {
                const int64_t w = at % width, row = at / width, count = std::min(end - at, width - w);
                t.add(plan, c, input, piece.n0 + row / height, piece.h0 + row % height, w, count);
                at += count;
            }
            tile(c, block, t);
        }
    }

    /// Tiles of one row are to be higher than half a tile, or they would wait for their own sums. Of low tiles all are
    /// to be full where one tap sees no padding.
    static bool cut_by_rows(const PlannedClass& c) {
        if (kMaxRows < 8 && c.taps.size() == 1) return false;
        return 2 * c.w.count > (kMaxRows + 1) * tile_count(c.w.count);
    }

    void tiles(const PlannedClass& c, const DepthBlock& block) {
        const int64_t h1 = std::min(piece.h1, c.h.count);
        if (plan.order == TileOrder::positions) {
            for (int64_t h = piece.h0; h < h1; ++h)
                for (int64_t w = 0; w < c.w.count; ++w) tiles_at_position(c, block, h, w);
        } else if (cut_by_rows(c)) {
            for (int64_t n = piece.n0; n < piece.n1; ++n)
                for (int64_t h = piece.h0; h < h1; ++h) tiles_in_row(c, block, n, h);
        } else if (h1 > piece.h0) {
            tiles_across_rows(c, block, h1);
        }
    }

    void run() {
        for (column_begin = piece.c0; column_begin < piece.c1; column_begin = column_end) {
            column_end = std::min(piece.c1, column_begin + plan.block_columns);
            for (const PlannedClass& c : plan.classes)
                for (const DepthBlock& block : c.blocks) tiles(c, block);
        }
    }
};

/// Copies the input rows that a piece reads between columns of zeros (see flatten). A pixel has `channels` values,
/// zeros follow if the plan has more.
template <typename T>
Input<T> copy_rows(const ConvPlan& p, const ConvPiece& piece, const T* in, int64_t channels) {
    const TapConv& conv = p.conv;
    const TapAxis& h = conv.classes.front().h;
    const int64_t left = -conv.classes.front().w.taps.front().offset, C = conv.in_C;
    const int64_t columns = p.row_step / C;
    const int64_t begin = std::clamp<int64_t>(left, 0, columns), end = std::clamp(left + conv.in_W, begin, columns);
    const bool whole_images = p.row_pieces == 1;
    const int64_t h0 = whole_images ? 0 : std::max<int64_t>(0, piece.h0 * h.in_step + h.taps.front().offset);
    const int64_t h1 =
        whole_images ? conv.in_H : std::min(conv.in_H, (piece.h1 - 1) * h.in_step + h.taps.back().offset + 1);
    const int64_t count = (piece.n1 - piece.n0) * p.image_step;
    T* copy = reinterpret_cast<T*>(scratch(ScratchUse::packed_tile, count * static_cast<int64_t>(sizeof(T)) / 4 + 1));
    T* row = copy;
    for (int64_t n = piece.n0; n < piece.n1; ++n)
        for (int64_t i = h0; i < h1; ++i, row += p.row_step) {
            const T* from = in + ((n * conv.in_H + i) * conv.in_W + begin - left) * channels;
            std::fill(row, row + begin * C, T{0});
            if (channels == C) {
                std::copy_n(from, (end - begin) * C, row + begin * C);
            } else {
                for (int64_t w = begin; w < end; ++w, from += channels)
                    std::fill(std::copy_n(from, channels, row + w * C), row + (w + 1) * C, T{0});
            }
            std::fill(row + end * C, row + p.row_step, T{0});
        }
    return {copy, piece.n0, h0};
}

/// What a piece reads: `in` itself or a copy of the rows it needs.
template <typename T>
Input<T> input_of(const ConvPlan& p, const ConvPiece& piece, const T* in, int64_t channels) {
    return p.flattened ? copy_rows(p, piece, in, channels) : Input<T>{in};
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggled include guard
