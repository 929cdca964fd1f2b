// How an image is cut into the tiles of F(4x4,3x3).
#pragma once

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

}  // namespace moco::cpu
