// When Winograd's convolution can be used, and when it pays.
#include "cpu/winograd.h"

namespace moco::cpu {

bool winograd_applies(const Conv2dDims& d) {
    return d.KH == 3 && d.KW == 3 && d.stride == 1 && d.pad == 1;
}

bool winograd_preferred(const Conv2dDims& d, ConvPass) {
    return winograd_applies(d) && d.IC >= 32 && d.OC >= 32;
}

}  // namespace moco::cpu
