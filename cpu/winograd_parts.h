// The gradient of the weights by Winograd's convolution as a sum of parts of the tiles, each with a dweight of its own.
#pragma once

#include <algorithm>

#include "core/dims.h"
#include "core/parallel.h"
#include "cpu/partials.h"
#include "cpu/scratch.h"
#include "cpu/winograd_tiles.h"

namespace moco::cpu {

/// A part's sum is over the tiles [begin, end) of its images, a convolution of their own.
struct TilePart {
    Conv2dDims d;
    const float* x;
    const float* dy;
    int64_t begin, end;
};

/// dweight = the sum over all tiles (stride 1), in at most kMaxPartials parts of at least about `least` tiles that are
/// added in order; sum_part(part, dweight) computes one. Parts are neighbouring images where there are enough, so that
/// a core finds in its cache what it computed of them before, else neighbouring tiles.
template <typename SumPart>
void sum_parts(const Conv2dDims& d, const float* x, const float* dy, int64_t least, float* dweight,
               const SumPart& sum_part) {
    const int64_t tiles = TileGrid{d.N, d.H, d.W}.count(), count = d.weight_count();
    const int64_t parts = divide_up(tiles, std::max(partial_grain(tiles), least));
    float* partials = parts == 1 ? dweight : scratch(ScratchUse::partials, parts * count);
    parallel_for(parts, 1, [&](int64_t i, int64_t) {
        TilePart part{d, x, dy, tiles * i / parts, tiles * (i + 1) / parts};
        if (d.N >= parts) {
            const int64_t first = d.N * i / parts, pixel = first * d.H * d.W;
            part.d.N = d.N * (i + 1) / parts - first;
            part.x += pixel * d.IC;
            part.dy += pixel * d.OC;
            part.begin = 0;
            part.end = tiles / d.N * part.d.N;
        }
        sum_part(part, partials + i * count);
    });
    if (parts > 1) add_partials(partials, parts, count, dweight);
}

}  // namespace moco::cpu
