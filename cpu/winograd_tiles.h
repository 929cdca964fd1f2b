// How images are cut into the tiles of F(4x4,3x3).
#pragma once

#include <hwy/base.h>

#include <algorithm>
#include <cstdint>

namespace moco::cpu {

inline constexpr int kTileOut = 4;                 // a tile has 4x4 results,
inline constexpr int kTileIn = 6;                  // computed from 6x6 values
inline constexpr int kPoints = kTileIn * kTileIn;  // in 36 independent products

inline constexpr int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/// Whether a tile with `results` results (1..kTileOut) along an axis needs the products at point i of that axis. Its
/// input beyond the image is free to choose, so that the transform gives zero at the others (extend_tile).
inline constexpr bool needs_point(int64_t results, int64_t i) {
    constexpr bool needed[kTileOut][kTileIn] = {{true, true, true},
                                                {false, true, true, true, true},
                                                {true, true, true, true, true},
                                                {true, true, true, true, true, true}};
    return needed[results - 1][i];
}

/// How many those are.
inline constexpr int64_t points_for(int64_t results) {
    return results + kTileIn - kTileOut;
}

/// The tiles of N images of H x W pixels. The last of a row or column may reach beyond the image. They are counted in
/// four parts, within each image by image and row by row: those that reach beyond the image below; those within; those
/// that reach beyond at the right; and in both directions. So the tiles that need a point follow each other.
struct TileGrid {
    int64_t N, H, W;

    /// Rows and columns of tiles, counted from the first of the image, of all images.
    struct Part {
        int64_t row_begin, row_end, column_begin, column_end;
        int64_t count() const { return (row_end - row_begin) * (column_end - column_begin); }
    };
    struct Interval {
        int64_t begin, end;
    };
    static constexpr int kParts = 4;

    int64_t rows() const { return divide_up(H, kTileOut); }
    int64_t columns() const { return divide_up(W, kTileOut); }
    int64_t count() const { return N * rows() * columns(); }
    /// The products of all tiles for a pair of channels.
    int64_t products() const {
        const auto along = [](int64_t extent) {
            const int64_t rest = extent % kTileOut;
            return extent / kTileOut * kTileIn + (rest == 0 ? 0 : points_for(rest));
        };
        return N * along(H) * along(W);
    }

    Part part(int i) const {
        const int64_t full_rows = H / kTileOut, full_columns = W / kTileOut;
        const bool below = i == 0 || i == 3, right = i >= 2;
        return {below ? full_rows : 0, below ? rows() : full_rows, right ? full_columns : 0,
                right ? columns() : full_columns};
    }

    /// The tiles that need a point (row, column), where a tile with few results along an axis needs those of it that
    /// `needed` tells.
    Interval needing(int row, int column, bool (*needed)(int64_t results, int64_t point)) const {
        const bool below = H % kTileOut == 0 || needed(H % kTileOut, row);
        const bool right = W % kTileOut == 0 || needed(W % kTileOut, column);
        const int64_t within_begin = N * part(0).count(), within_end = within_begin + N * part(1).count();
        const int64_t right_end = within_end + N * part(2).count();
        return {below ? 0 : within_begin, !right ? within_end : below ? count() : right_end};
    }
};

/// The tiles that need each point, row by row, found once for a whole convolution.
class NeededTiles {
  public:
    explicit NeededTiles(const TileGrid& grid, int along = kTileIn,
                         bool (*needed)(int64_t results, int64_t point) = needs_point) {
        for (int point = 0; point < along * along; ++point)
            tiles_[point] = grid.needing(point / along, point % along, needed);
    }
    /// Those of the tiles [begin, end), counted from begin.
    TileGrid::Interval within(int point, int64_t begin, int64_t end) const {
        return {std::clamp(tiles_[point].begin, begin, end) - begin, std::clamp(tiles_[point].end, begin, end) - begin};
    }

  private:
    TileGrid::Interval tiles_[kPoints];
};

/// A place in the sequence of tiles: n and the row and column of the tile's first result. Stepping is cheaper than the
/// divisions that find a tile by its number.
class TileCursor {
  public:
    TileCursor(const TileGrid& grid, int64_t tile) : grid_(grid) {
        enter(0);
        for (; index_ < TileGrid::kParts && tile >= grid.N * part_.count(); enter(index_ + 1))
            tile -= grid.N * part_.count();
        if (index_ == TileGrid::kParts) return;
        const int64_t columns = part_.column_end - part_.column_begin;
        n_ = tile / part_.count();
        row_ = (part_.row_begin + tile % part_.count() / columns) * kTileOut;
        column_ = (part_.column_begin + tile % columns) * kTileOut;
    }

    void next() {
        column_ += kTileOut;
        if (column_ < part_.column_end * kTileOut) return;
        column_ = part_.column_begin * kTileOut;
        row_ += kTileOut;
        if (row_ < part_.row_end * kTileOut) return;
        row_ = part_.row_begin * kTileOut;
        if (++n_ == grid_.N) enter(index_ + 1);
    }

    /// The tile's image, counted from the grid's first.
    int64_t image() const { return n_; }
    /// The tile's results within the image.
    int64_t result_rows() const { return std::min<int64_t>(kTileOut, grid_.H - row_); }
    int64_t result_columns() const { return std::min<int64_t>(kTileOut, grid_.W - column_); }

    /// Fills the addresses of the tile's size x size pixels, from `offset` pixels above and left of its results, in
    /// `images` of `channels`. Those outside the image become `outside`: zeros to read, or memory to write what nobody
    /// needs.
    template <int size, int offset, typename T>
    void addresses(T* images, int64_t channels, T* outside, T** to) const {
        const int64_t row = row_ - offset, column = column_ - offset, line = grid_.W * channels;
        T* first = images + ((n_ * grid_.H + row) * grid_.W + column) * channels;
        if (row >= 0 && row + size <= grid_.H && column >= 0 && column + size <= grid_.W) {
#pragma GCC unroll 6
            for (int h = 0; h < size; ++h, first += line, to += size)
#pragma GCC unroll 6
                for (int w = 0; w < size; ++w) to[w] = first + w * channels;
            return;
        }
        for (int h = 0; h < size; ++h, first += line, to += size) {
            const bool row_inside = row + h >= 0 && row + h < grid_.H;
#pragma GCC unroll 6
            for (int w = 0; w < size; ++w) {
                T* pixel = first + w * channels;
                to[w] = (row_inside & (column + w >= 0) & (column + w < grid_.W)) ? pixel : outside;
            }
        }
    }

    /// The same for rows x columns pixels of images of another size, H x W, every second in both directions, the first
    /// of which is `top` pixels below and `left` right of twice the place of the tile's first result.
    template <int rows, int columns, typename T>
    void every_second(T* images, int64_t H, int64_t W, int64_t channels, int64_t top, int64_t left, T* outside,
                      T** to) const {
        const int64_t row = 2 * row_ + top, column = 2 * column_ + left;
        T* line = images + ((n_ * H + row) * W + column) * channels;
        for (int h = 0; h < rows; ++h, line += 2 * W * channels, to += columns) {
            const bool row_inside = row + 2 * h >= 0 && row + 2 * h < H;
#pragma GCC unroll 6
            for (int w = 0; w < columns; ++w) {
                T* pixel = line + 2 * w * channels;
                to[w] = (row_inside & (column + 2 * w >= 0) & (column + 2 * w < W)) ? pixel : outside;
            }
        }
    }

    /// Where the tile's first result lies in `images`.
    const float* first_pixel(const float* images, int64_t channels) const {
        return images + ((n_ * grid_.H + row_) * grid_.W + column_) * channels;
    }

  private:
    /// Goes to the first tile of a part, or of the next that has any.
    void enter(int index) {
        for (index_ = index; index_ < TileGrid::kParts; ++index_) {
            part_ = grid_.part(index_);
            if (part_.count() > 0) break;
        }
        n_ = 0;
        row_ = part_.row_begin * kTileOut;
        column_ = part_.column_begin * kTileOut;
    }

    TileGrid grid_;
    int index_ = 0;
    TileGrid::Part part_{};
    int64_t n_ = 0, row_ = 0, column_ = 0;
};

/// Asks for the memory of tiles ahead of its use, a little with each step, so that it comes during a product.
class TilePrefetch {
  public:
    /// `floats` floats of each pixel of the tiles [begin, end), from `images` on.
    TilePrefetch(const TileGrid& grid, int64_t begin, int64_t end, const float* images, int64_t channels,
                 int64_t floats)
        : cursor_(grid, begin),
          left_(end - begin),
          images_(images),
          channels_(channels),
          line_(grid.W * channels),
          floats_(floats) {
        if (left_ > 0) enter();
    }

    /// Whether there is anything left to ask for.
    bool any() const { return left_ > 0; }

    /// Asks for one row of a tile. Inlined, or the compiler finds a function without effects and drops the call.
    HWY_INLINE void step() {
        if (left_ == 0) return;
        for (int64_t w = 0; w < columns_; ++w)
            for (int64_t c = 0; c < floats_; c += 16) __builtin_prefetch(row_ + w * channels_ + c, 0, 2);
        row_ += line_;
        if (--rows_ > 0) return;
        cursor_.next();
        if (--left_ > 0) enter();
    }

  private:
    void enter() {
        row_ = cursor_.first_pixel(images_, channels_);
        rows_ = cursor_.result_rows();
        columns_ = cursor_.result_columns();
    }

    TileCursor cursor_;
    int64_t left_;  // tiles
    const float* images_;
    int64_t channels_, line_, floats_;
    const float* row_ = nullptr;  // of the tile, the next to ask for; so many are left, of so many pixels
    int64_t rows_ = 0, columns_ = 0;
};

/// For asking for the tiles [begin, end), all channels, a little before each is transformed.
inline TilePrefetch ahead_of(const TileGrid& grid, const float* images, int64_t channels, int64_t begin, int64_t end) {
    constexpr int64_t kAhead = 2;
    return {grid, std::min(begin + kAhead, end), end, images, channels, channels};
}

}  // namespace moco::cpu
