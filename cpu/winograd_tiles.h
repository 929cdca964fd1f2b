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

/// The tiles of N images of H x W pixels, counted image by image and row by row. The last of a row or column may reach
/// beyond the image.
struct TileGrid {
    int64_t N, H, W;

    int64_t rows() const { return divide_up(H, kTileOut); }
    int64_t columns() const { return divide_up(W, kTileOut); }
    int64_t count() const { return N * rows() * columns(); }
};

/// A place in the sequence of tiles: n and the row and column of the tile's first result. Stepping is cheaper than the
/// divisions that find a tile by its number.
class TileCursor {
  public:
    TileCursor(const TileGrid& grid, int64_t tile)
        : grid_(grid),
          n_(tile / grid.columns() / grid.rows()),
          row_(tile / grid.columns() % grid.rows() * kTileOut),
          column_(tile % grid.columns() * kTileOut) {}

    void next() {
        column_ += kTileOut;
        if (column_ < grid_.W) return;
        column_ = 0;
        row_ += kTileOut;
        if (row_ < grid_.H) return;
        row_ = 0;
        ++n_;
    }

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
                to[w] = row_inside & (column + w >= 0) & (column + w < grid_.W) ? pixel : outside;
            }
        }
    }

    /// Asks for `floats` floats of each pixel of one row of the results (0..kTileOut - 1), ahead of their use. Inlined,
    /// or the compiler finds a function without effects and drops the call.
    HWY_INLINE void prefetch_row(int64_t i, const float* images, int64_t channels, int64_t floats) const {
        if (row_ + i >= grid_.H) return;
        const float* pixel = images + ((n_ * grid_.H + row_ + i) * grid_.W + column_) * channels;
        for (int64_t w = column_; w < std::min(column_ + kTileOut, grid_.W); ++w, pixel += channels)
            for (int64_t c = 0; c < floats; c += 16) __builtin_prefetch(pixel + c, 0, 2);
    }

  private:
    TileGrid grid_;
    int64_t n_, row_, column_;
};

/// Asks for the memory of tiles ahead of its use, a little with each step, so that it comes during a product.
class TilePrefetch {
  public:
    /// `floats` floats of each pixel of the tiles [begin, end), from `images` on.
    TilePrefetch(const TileGrid& grid, int64_t begin, int64_t end, const float* images, int64_t channels,
                 int64_t floats)
        : cursor_(grid, begin),
          left_((end - begin) * kTileOut),
          images_(images),
          channels_(channels),
          floats_(floats) {}

    /// Asks for one row of a tile.
    void step() {
        if (left_ == 0) return;
        const int64_t row = (kTileOut - left_ % kTileOut) % kTileOut;
        cursor_.prefetch_row(row, images_, channels_, floats_);
        if (row == kTileOut - 1) cursor_.next();
        --left_;
    }

  private:
    TileCursor cursor_;
    int64_t left_;
    const float* images_;
    int64_t channels_, floats_;
};

}  // namespace moco::cpu
