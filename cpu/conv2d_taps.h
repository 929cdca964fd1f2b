// A convolution seen from its results: which inputs, through which taps of the kernel, reach an output pixel. The
// forward pass and the gradient of x are the same sum over taps; with a stride, the gradient falls into classes of
// pixels (stride x stride residues) that see different taps.
#pragma once

#include <cstdint>
#include <vector>

#include "core/dims.h"

namespace moco::cpu {

/// One axis: output position i, 0 <= i < count, lies at out_begin + i * out_step and reads, for each tap, the input at
/// i * in_step + offset where that is within [0, in_extent).
struct TapAxis {
    struct Tap {
        int64_t offset;
        int64_t place;  // row or column among the packed weights
    };
    int64_t count;
    int64_t out_begin, out_step;
    int64_t in_extent, in_step;
    std::vector<Tap> taps;
};

/// Output pixels that see the same taps (where the input's border allows).
struct TapClass {
    TapAxis h, w;
};

/// out (N, out_H, out_W, out_C) = sum over taps of in (N, in_H, in_W, in_C) times that tap's matrix in_C x out_C.
struct TapConv {
    int64_t N, in_H, in_W, in_C, out_H, out_W, out_C, KH, KW;
    std::vector<TapClass> classes;
};

/// y from x and weight: place (kh, kw) holds weight[oc, kh, kw, ic] as ic x oc.
TapConv forward_taps(const Conv2dDims& d);
/// dx from dy and weight: place (kh, kw) holds weight[oc, KH - 1 - kh, KW - 1 - kw, ic] as oc x ic (reversed, so that
/// places ascend with the inputs).
TapConv backward_data_taps(const Conv2dDims& d);

}  // namespace moco::cpu
