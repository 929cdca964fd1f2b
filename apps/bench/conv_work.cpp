// One convolution's tensors and its three passes, and whether what they compute is right.
#include "apps/bench/conv_work.h"

#include <vector>

#include "apps/bench/samples.h"
#include "core/backend.h"
#include "ops/cast.h"

namespace moco::apps {
namespace {

/// The definition of a convolution in double: what one element of each result is.
struct Definition {
    const Conv2dDims& d;
    std::vector<float> x, weight, dy;

    double x_at(int64_t n, int64_t h, int64_t w, int64_t c) const {
        if (h < 0 || h >= d.H || w < 0 || w >= d.W) return 0;
        return x[static_cast<size_t>(((n * d.H + h) * d.W + w) * d.IC + c)];
    }
    double weight_at(int64_t o, int64_t kh, int64_t kw, int64_t c) const {
        return weight[static_cast<size_t>(((o * d.KH + kh) * d.KW + kw) * d.IC + c)];
    }
    double dy_at(int64_t n, int64_t oh, int64_t ow, int64_t o) const {
        return dy[static_cast<size_t>(((n * d.OH() + oh) * d.OW() + ow) * d.OC + o)];
    }

    double y(int64_t i) const {
        const int64_t o = i % d.OC, ow = i / d.OC % d.OW(), oh = i / d.OC / d.OW() % d.OH(),
                      n = i / d.OC / d.OW() / d.OH();
        double sum = 0;
        for (int64_t kh = 0; kh < d.KH; ++kh)
            for (int64_t kw = 0; kw < d.KW; ++kw)
                for (int64_t c = 0; c < d.IC; ++c)
                    sum += x_at(n, oh * d.stride + kh - d.pad, ow * d.stride + kw - d.pad, c) * weight_at(o, kh, kw, c);
        return sum;
    }
    double dx(int64_t i) const {
        const int64_t c = i % d.IC, w = i / d.IC % d.W, h = i / d.IC / d.W % d.H, n = i / d.IC / d.W / d.H;
        double sum = 0;
        for (int64_t kh = 0; kh < d.KH; ++kh) {
            for (int64_t kw = 0; kw < d.KW; ++kw) {
                const int64_t down = h + d.pad - kh, right = w + d.pad - kw;
                if (down < 0 || right < 0 || down % d.stride != 0 || right % d.stride != 0) continue;
                const int64_t oh = down / d.stride, ow = right / d.stride;
                if (oh >= d.OH() || ow >= d.OW()) continue;
                for (int64_t o = 0; o < d.OC; ++o) sum += dy_at(n, oh, ow, o) * weight_at(o, kh, kw, c);
            }
        }
        return sum;
    }
    double dweight(int64_t i) const {
        const int64_t c = i % d.IC, kw = i / d.IC % d.KW, kh = i / d.IC / d.KW % d.KH, o = i / d.IC / d.KW / d.KH;
        double sum = 0;
        for (int64_t n = 0; n < d.N; ++n)
            for (int64_t oh = 0; oh < d.OH(); ++oh)
                for (int64_t ow = 0; ow < d.OW(); ++ow)
                    sum += x_at(n, oh * d.stride + kh - d.pad, ow * d.stride + kw - d.pad, c) * dy_at(n, oh, ow, o);
        return sum;
    }
};

std::vector<float> widened(const Tensor& values) {
    return cast(values, DType::f32).to_vector();
}

}  // namespace

const char* letter_of(ConvPass pass) {
    return pass == ConvPass::forward ? "F" : pass == ConvPass::backward_data ? "D" : "W";
}

ConvWork::ConvWork(const Conv2dDims& d, Backend& backend)
    : d_(d),
      backend_(backend),
      x_(cast(random_tensor({d.x_count()}, 0, backend), d.dtype)),
      weight_(random_tensor({d.weight_count()}, 1, backend)),
      dy_(cast(random_tensor({d.y_count()}, 2, backend), d.dtype)),
      y_(Tensor::empty_like(dy_)),
      dx_(Tensor::empty_like(x_)),
      dweight_(Tensor::empty_like(weight_)) {}

void ConvWork::run(ConvPass pass) {
    switch (pass) {
        case ConvPass::forward:
            return backend_.conv2d_forward(d_, x_.raw(), weight_.data(), y_.mutable_raw());
        case ConvPass::backward_data:
            return backend_.conv2d_backward_data(d_, dy_.raw(), weight_.data(), dx_.mutable_raw());
        case ConvPass::backward_weight:
            return backend_.conv2d_backward_weight(d_, x_.raw(), dy_.raw(), dweight_.mutable_data());
    }
}

double ConvWork::error_of(ConvPass pass) {
    run(pass);
    const Definition definition{d_, widened(x_), weight_.to_vector(), widened(dy_)};
    const Tensor& result = pass == ConvPass::forward ? y_ : pass == ConvPass::backward_data ? dx_ : dweight_;
    const std::vector<float> computed = widened(result);
    Difference difference;
    Samples samples(result.count());
    for (int n = 0; n < Samples::kCount; ++n) {
        const int64_t i = samples.next();
        difference.add(computed[static_cast<size_t>(i)], pass == ConvPass::forward         ? definition.y(i)
                                                         : pass == ConvPass::backward_data ? definition.dx(i)
                                                                                           : definition.dweight(i));
    }
    return difference.over_rms();
}

}  // namespace moco::apps
