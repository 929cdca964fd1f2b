#include "cpu/conv2d_taps.h"

namespace moco::cpu {
namespace {

TapAxis forward_axis(int64_t extent, int64_t kernel, int64_t stride, int64_t pad) {
    TapAxis axis{(extent + 2 * pad - kernel) / stride + 1, 0, 1, extent, stride, {}};
    for (int64_t k = 0; k < kernel; ++k) axis.taps.push_back({k - pad, k});
    return axis;
}

/// Positions of x with residue `begin`: x at i * stride + begin met y at o = (i * stride + begin + pad - k) / stride
/// for the k where that is whole.
TapAxis backward_axis(int64_t extent, int64_t kernel, int64_t stride, int64_t pad, int64_t begin) {
    const int64_t y_extent = (extent + 2 * pad - kernel) / stride + 1;
    TapAxis axis{(extent - begin + stride - 1) / stride, begin, stride, y_extent, 1, {}};
    for (int64_t k = kernel - 1; k >= 0; --k) {
        const int64_t distance = begin + pad - k;
        if (distance % stride == 0) axis.taps.push_back({distance / stride, kernel - 1 - k});
    }
    return axis;
}

}  // namespace

TapConv forward_taps(const Conv2dDims& d) {
    return {d.N,    d.H,
            d.W,    d.IC,
            d.OH(), d.OW(),
            d.OC,   d.KH,
            d.KW,   {{forward_axis(d.H, d.KH, d.stride, d.pad), forward_axis(d.W, d.KW, d.stride, d.pad)}}};
}

TapConv backward_data_taps(const Conv2dDims& d) {
    TapConv conv{d.N, d.OH(), d.OW(), d.OC, d.H, d.W, d.IC, d.KH, d.KW, {}};
    for (int64_t h = 0; h < d.stride && h < d.H; ++h)
        for (int64_t w = 0; w < d.stride && w < d.W; ++w)
            conv.classes.push_back({backward_axis(d.H, d.KH, d.stride, d.pad, h),  //
                                    backward_axis(d.W, d.KW, d.stride, d.pad, w)});
    return conv;
}

}  // namespace moco::cpu
