// Convolutions over the relations that sizes can have to the kernels' tiles.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "core/dims.h"

namespace moco::testing {

inline std::vector<Conv2dDims> conv2d_shapes() {
    // N, H, W, IC, OC, KH, KW, stride, pad. Tiles are 14 x 32 (AVX-512) or 6 x 16 (AVX2) output pixels x channels.
    return {
        {2, 9, 7, 17, 48, 3, 3, 1, 1},     // a row wider than half a tile, channels between one panel and two
        {3, 8, 15, 48, 17, 3, 3, 1, 1},    // rows one above the tile
        {1, 5, 13, 32, 31, 3, 3, 1, 1},    // batch 1, one below the tile in both directions
        {2, 6, 14, 16, 33, 3, 3, 1, 1},    // the tile's rows, one channel above the panel
        {17, 2, 2, 20, 24, 3, 3, 1, 1},    // images smaller than the kernel: most taps are padding
        {29, 4, 4, 16, 16, 3, 3, 1, 1},    // small images, more of them than a tile has rows
        {15, 7, 7, 24, 40, 3, 3, 1, 1},    //
        {4, 1, 1, 16, 20, 3, 3, 1, 1},     // one pixel: only the centre tap counts
        {2, 9, 6, 17, 20, 3, 3, 2, 1},     // stride 2, odd and even extents
        {16, 7, 8, 16, 32, 3, 3, 2, 1},    //
        {13, 4, 4, 48, 65, 3, 3, 2, 1},    //
        {13, 7, 8, 24, 64, 3, 3, 2, 1},    // images of dy 4 KiB apart
        {2, 12, 10, 3, 16, 7, 7, 2, 3},    // the ImageNet stem
        {2, 9, 17, 3, 64, 3, 3, 1, 1},     // the CIFAR stem
        {5, 14, 12, 1, 16, 3, 3, 2, 1},    // the small stem of one channel
        {2, 11, 9, 1, 17, 5, 5, 1, 2},     //
        {2, 11, 23, 17, 17, 7, 7, 1, 3},   // a kernel row's taps fill vectors better than one tap's channels
        {3, 12, 21, 3, 48, 7, 7, 2, 3},    // what a pixel sees in several tiles of rows
        {1, 9, 20, 14, 18, 7, 7, 1, 3},    // lines over blocks of depth, some of which see only padding
        {2, 9, 16, 20, 18, 3, 3, 1, 1},    // one to four columns more than vectors, depths that end within one
        {2, 5, 17, 67, 35, 1, 1, 1, 0},    //
        {1, 7, 15, 70, 4, 3, 3, 2, 1},     //
        {9, 3, 3, 600, 36, 3, 3, 1, 1},    // the same over several blocks of depth
        {2, 10, 13, 17, 3, 5, 5, 3, 0},    // stride 3, no padding: pixels of x that no output sees
        {2, 6, 5, 48, 40, 1, 1, 1, 0},     // 1x1
        {3, 9, 11, 17, 48, 1, 1, 1, 0},    // output channels fill vectors, input channels do not
        {1, 1, 1, 3, 2, 1, 1, 1, 0},       // one product
        {1, 5, 14, 2, 64, 1, 1, 1, 0},     // fewer channels than steps that whole tiles take row by row
        {1, 4, 14, 1, 32, 1, 3, 1, 1},     // the same of lines
        {1, 1, 2, 28, 64, 1, 1, 1, 0},     // fewer pixels
        {3, 7, 8, 17, 33, 1, 1, 2, 0},     // strided 1x1
        {9, 5, 4, 32, 20, 1, 1, 2, 0},     // several small images are a block of the gradient of the weights
        {3, 9, 22, 512, 40, 1, 1, 2, 0},   // pixels seen 4 KiB apart, several rows
        {2, 9, 12, 32, 1024, 1, 1, 2, 0},  //
        {1, 4, 6, 2, 3, 1, 1, 1, 1},       // padded 1x1: a border of zeros
        {2, 5, 6, 600, 34, 1, 1, 1, 0},    // depth above one block
        {2, 5, 7, 512, 40, 1, 1, 1, 0},    // rows of x 2 KiB apart
        {2, 5, 7, 1024, 136, 1, 1, 1, 0},  // rows 4 KiB apart, of x and, next, of dy; many weights
        {3, 2, 5, 40, 1024, 1, 1, 1, 0},   //
        {3, 5, 5, 256, 260, 1, 1, 1, 0},   // rows of x 1 KiB apart
        {2, 5, 7, 130, 256, 1, 1, 1, 0},   // the same of dy
        {14, 3, 4, 300, 290, 3, 3, 1, 1},  // several blocks of depth and of channels
        {2, 6, 8, 5, 7, 3, 1, 1, 1},       // kernels that are not square
        {2, 6, 8, 5, 7, 1, 4, 2, 0},       //
        {2, 3, 3, 4, 5, 3, 3, 1, 3},       // more padding than image
    };
}

inline std::string name_of(const Conv2dDims& d) {
    return fmt::format("x {}x{}x{}x{}, weight {}x{}x{}x{}, stride {}, pad {}", d.N, d.H, d.W, d.IC, d.OC, d.KH, d.KW,
                       d.IC, d.stride, d.pad);
}

}  // namespace moco::testing
