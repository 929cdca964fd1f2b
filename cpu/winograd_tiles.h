// How an image is cut into the tiles of F(4x4,3x3).
#pragma once

#include <algorithm>
#include <cstdint>

namespace moco::cpu {

inline constexpr int kTileOut = 4;                 // a tile has 4x4 results,
inline constexpr int kTileIn = 6;                  // computed from 6x6 values
inline constexpr int kPoints = kTileIn * kTileIn;  // in 36 independent products

/// The tiles of N images of H x W pixels, counted image by image and row by row. The last of a row or column may reach
/// beyond the image.
struct TileGrid {
    int64_t N, H, W;

    int64_t rows() const { return (H + kTileOut - 1) / kTileOut; }
    int64_t columns() const { return (W + kTileOut - 1) / kTileOut; }
    int64_t count() const { return N * rows() * columns(); }
};

/// Fills the addresses of a tile's pixels, size x size of them, from `offset` pixels above and left of its results.
/// Pixels outside the image get `outside`: a buffer of zeros to read, or one to write what nobody needs.
template <typename T>
void tile_addresses(const TileGrid& grid, int64_t tile, int size, int offset, T* images, int64_t channels, T* outside,
                    T** addresses) {
    const int64_t column = tile % grid.columns() * kTileOut - offset;
    const int64_t row = tile / grid.columns() % grid.rows() * kTileOut - offset;
    const int64_t n = tile / grid.columns() / grid.rows();
    for (int h = 0; h < size; ++h) {
        const int64_t y = row + h;
        T* line = images + ((n * grid.H + y) * grid.W + column) * channels;
        for (int w = 0; w < size; ++w) {
            const int64_t x = column + w;
            const bool inside = y >= 0 && y < grid.H && x >= 0 && x < grid.W;
            addresses[h * size + w] = inside ? line + w * channels : outside;
        }
    }
}

/// Asks for the memory of tiles ahead of its use, a little with each step, so that a product can be computed while the
/// next tiles come from memory.
class TilePrefetch {
  public:
    /// The results' pixels of the tiles [begin, end): `floats` floats from `images` on in each of them.
    TilePrefetch(const TileGrid& grid, int64_t begin, int64_t end, const float* images, int64_t channels,
                 int64_t floats)
        : grid_(grid), tile_(begin), end_(end), images_(images), channels_(channels), floats_(floats) {}

    /// Asks for one row of a tile.
    void step() {
        if (tile_ >= end_) return;
        const int64_t column = tile_ % grid_.columns() * kTileOut, line = tile_ / grid_.columns();
        const int64_t y = line % grid_.rows() * kTileOut + row_, n = line / grid_.rows();
        if (y < grid_.H) {
            const float* pixel = images_ + ((n * grid_.H + y) * grid_.W + column) * channels_;
            for (int64_t x = column; x < std::min(column + kTileOut, grid_.W); ++x, pixel += channels_)
                for (int64_t c = 0; c < floats_; c += 16) __builtin_prefetch(pixel + c, 0, 2);
        }
        row_ = (row_ + 1) % kTileOut;
        tile_ += row_ == 0;
    }

  private:
    TileGrid grid_;
    int64_t tile_, end_;
    const float* images_;
    int64_t channels_, floats_;
    int64_t row_ = 0;
};

}  // namespace moco::cpu
