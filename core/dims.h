// The dimensions kernels work on, named once and the same in ops/, cpu/ and cuda/.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace moco {

/// A 2-d convolution: x N,H,W,IC * weight OC,KH,KW,IC -> y N,OH,OW,OC, zero padding `pad` on all sides. The weight is
/// f32 whatever x and y are.
struct Conv2dDims {
    int64_t N, H, W, IC;
    int64_t OC, KH, KW;
    int64_t stride, pad;
    DType dtype = DType::f32;  // of x and y: f32 or bf16

    int64_t OH() const { return (H + 2 * pad - KH) / stride + 1; }
    int64_t OW() const { return (W + 2 * pad - KW) / stride + 1; }
    int64_t x_count() const { return N * H * W * IC; }
    int64_t weight_count() const { return OC * KH * KW * IC; }
    int64_t y_count() const { return N * OH() * OW() * OC; }
    bool operator==(const Conv2dDims&) const = default;
};

/// How a convolution is computed: with all its products, or with fewer of sums of its operands wherever there is a way
/// to (on the CPU Winograd's for 3x3 windows, Strassen's for 1x1). `auto_select` may choose by shape, never by timing.
enum class ConvAlgorithm { auto_select, direct, winograd };

/// What training computes in. f32: everything. tf32: the same, but the products of convolutions and matrices are taken
/// of factors rounded to 10 binary digits. bf16: the activations of the trunk and their gradients, and the weights that
/// they are multiplied with; parameters, statistics, pooled features, head and loss stay f32.
enum class Precision { f32, tf32, bf16 };

enum class Activation { none, relu };

/// Whose mean and variance batch normalisation takes: those of the batch, or given ones, which no gradient goes
/// through.
enum class Statistics { of_batch, given };

/// Batch normalisation of x N,H,W,C (HW = H * W) in S interleaved splits: sample n belongs to split n mod S, S divides
/// N.
struct BatchNormDims {
    int64_t N, HW, C;
    int64_t S = 1;
    Activation activation = Activation::none;  // applied after the optional residual was added
    DType dtype = DType::f32;                  // of x, y and the residual: f32 or bf16
    Statistics statistics = Statistics::of_batch;

    int64_t count() const { return N * HW * C; }
    int64_t samples_per_split() const { return N / S; }
};

/// Constants of batch normalisation: running = (1 - momentum) * running + momentum * batch value.
struct BatchNormOptions {
    float epsilon = 1e-5f;
    float momentum = 0.1f;
};

/// 2-d pooling of x N,H,W,C with a square window; padding counts as -infinity.
struct PoolDims {
    int64_t N, H, W, C;
    int64_t kernel, stride, pad;
    DType dtype = DType::f32;  // of x and y: f32 or bf16

    int64_t OH() const { return (H + 2 * pad - kernel) / stride + 1; }
    int64_t OW() const { return (W + 2 * pad - kernel) / stride + 1; }
    int64_t x_count() const { return N * H * W * C; }
    int64_t y_count() const { return N * OH() * OW() * C; }
};

enum class Transpose { no, yes };

/// A matrix product out (M x N) = a (M x K) * b (K x N), row-major. With a Transpose::yes, that operand is stored
/// transposed (a: K x M, b: N x K).
struct MatmulDims {
    int64_t M, N, K;
    Transpose a = Transpose::no;
    Transpose b = Transpose::no;
};

/// Cross-entropy of N rows of logits of C classes.
struct CrossEntropyDims {
    int64_t N, C;
    float smoothing = 0;  // this share of every target is spread evenly over all classes; 0 <= smoothing < 1

    int64_t count() const { return N * C; }
};

/// InfoNCE of queries q (N x C), their keys k (N x C) and a queue of negatives (K x C) at temperature T.
struct InfoNceDims {
    int64_t N, C, K;
    float T;
};

/// Constants of SGD: g = dw + weight_decay * w; v = momentum * v + g (v = g on the first step); w -= lr * v.
struct SgdOptions {
    float momentum = 0.9f;
    float weight_decay = 1e-4f;
};

}  // namespace moco
