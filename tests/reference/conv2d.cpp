#include "tests/reference/conv2d.h"

namespace moco::testing::reference {
namespace {

/// Calls f(index into x, index into weight, index into y) for every product of the convolution.
template <typename F>
void for_each_product(const Conv2dDims& d, const F& f) {
    for (int64_t n = 0; n < d.N; ++n)
        for (int64_t oh = 0; oh < d.OH(); ++oh)
            for (int64_t ow = 0; ow < d.OW(); ++ow)
                for (int64_t oc = 0; oc < d.OC; ++oc)
                    for (int64_t kh = 0; kh < d.KH; ++kh)
                        for (int64_t kw = 0; kw < d.KW; ++kw) {
                            const int64_t h = oh * d.stride + kh - d.pad, w = ow * d.stride + kw - d.pad;
                            if (h < 0 || h >= d.H || w < 0 || w >= d.W) continue;
                            for (int64_t ic = 0; ic < d.IC; ++ic)
                                f(static_cast<size_t>(((n * d.H + h) * d.W + w) * d.IC + ic),
                                  static_cast<size_t>(((oc * d.KH + kh) * d.KW + kw) * d.IC + ic),
                                  static_cast<size_t>(((n * d.OH() + oh) * d.OW() + ow) * d.OC + oc));
                        }
}

}  // namespace

Values conv2d_forward(const Conv2dDims& d, const Values& x, const Values& weight) {
    Values y(static_cast<size_t>(d.y_count()));
    for_each_product(d, [&](size_t ix, size_t iw, size_t iy) { y[iy] += x[ix] * weight[iw]; });
    return y;
}

Values conv2d_backward_data(const Conv2dDims& d, const Values& dy, const Values& weight) {
    Values dx(static_cast<size_t>(d.x_count()));
    for_each_product(d, [&](size_t ix, size_t iw, size_t iy) { dx[ix] += dy[iy] * weight[iw]; });
    return dx;
}

Values conv2d_backward_weight(const Conv2dDims& d, const Values& x, const Values& dy) {
    Values dweight(static_cast<size_t>(d.weight_count()));
    for_each_product(d, [&](size_t ix, size_t iw, size_t iy) { dweight[iw] += x[ix] * dy[iy]; });
    return dweight;
}

}  // namespace moco::testing::reference
