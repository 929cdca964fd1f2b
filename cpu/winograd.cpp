// When Winograd's convolution can be used, and when it pays.
#include "cpu/winograd.h"

namespace moco::cpu {

bool winograd_applies(const Conv2dDims& d) {
    return d.KH == 3 && d.KW == 3 && d.stride == 1 && d.pad == 1;
}

bool winograd_preferred(const Conv2dDims& d, ConvPass) {
    // Below 4x4, direct convolution leaves out the taps that meet padding: 16 products at 2x2, where a tile takes 36.
    return winograd_applies(d) && d.IC >= 32 && d.OC >= 32 && d.H * d.W >= 16;
}

}  // namespace moco::cpu
