// Batch normalisation, backward: partial sums of chunks of rows, their combination, and one pass for dx.
//
// With g the gradient behind the activation, M the rows of a split and x^ = (x - mean) * inv_std:
//   dbeta = sum g;  dgamma = sum g x^;  dx = gamma * inv_std * (g - sum g / M - x^ * sum(g x^) / M)
// where the sums of dx are those of the split and dbeta, dgamma add up all splits. Statistics that are given move with
// no x: M is then infinite, and dx = gamma * inv_std * g.
#include "cuda/batch_norm.cuh"
#include "cuda/kernel_backend.h"
#include "cuda/reduce.cuh"
#include "cuda/scratch.h"

namespace moco::cuda {
namespace {

constexpr int64_t kSumBlocks = 1024;
constexpr int64_t kElementBlocks = 1 << 14;
constexpr int kBatch = 2;    // rows of three tensors at a time: more would cost registers
constexpr int kFactors = 3;  // of a split and channel: of_g, of_x, constant

/// What both passes read. y null: no activation.
template <typename E>
struct NormGradient {
    const E *x, *y, *dy;
    const float* mean;  // S x C
};

/// The gradient behind the activation.
template <typename E>
DEVICE float behind_relu(E dy, E y, bool masked) {
    return !masked || to_float(y) > 0 ? to_float(dy) : 0.0f;
}

/// partials: S x chunks x (sum of g, sum of g (x - mean)) x C. dresidual = g, unless null; it may be dy, because each
/// thread reads its elements before it writes them.
template <typename E, int kWidth>
KERNEL(kNormThreads)
partial_gradients(NormGrid g, NormGradient<E> a, E* dresidual, float* partials) {
    using Sums = Pair<float>;
    SHARED_ARRAY(Sums, shared, [kWidth * kNormThreads]);
    const NormPlace at = norm_place(g, kWidth);
    Sums sums[kWidth] = {};
    if (at.c < g.C) {
        float mean[kWidth];
        load_channels(a.mean + at.split * g.C + at.c, mean);
        const bool masked = a.y != nullptr;
        for_each_batch<kBatch>(g, at, [&](const int64_t(&i)[kBatch], int taken) {
            Pack<E, kWidth> x[kBatch], y[kBatch], dy[kBatch];
            load_batch(a.x, i, taken, x);
            load_batch(a.y, i, masked ? taken : 0, y);
            load_batch(a.dy, i, taken, dy);
            UNROLL
            for (int u = 0; u < kBatch; ++u) {
                if (u >= taken) break;
                UNROLL
                for (int v = 0; v < kWidth; ++v) {
                    const float value = behind_relu(dy[u].element[v], y[u].element[v], masked);
                    sums[v].first += value;
                    sums[v].second += value * (to_float(x[u].element[v]) - mean[v]);
                    dy[u].element[v] = from_float<E>(value);
                }
                if (dresidual != nullptr) store_pack(dresidual + i[u], dy[u]);
            }
        });
    }
    reduce_over_rows(sums, shared, Sum());
    if (threadIdx.y == 0 && at.c < g.C) {
        float* sum = partials + (at.split * g.chunks + blockIdx.y) * 2 * g.C + at.c;
        UNROLL
        for (int v = 0; v < kWidth; ++v) {
            sum[v] = sums[v].first;
            sum[g.C + v] = sums[v].second;
        }
    }
}

struct FinishGradients {
    const float *partials, *gamma, *inv_std;
    float *dgamma, *dbeta;  // null: not needed
    float* factors;         // S x kFactors x C
    float count;            // M
};

/// Combines the chunks of each split, in blocks of 32 channels x some threads that share the chunks.
KERNEL(kWarpSize* kFinishRows)
finish_gradients(NormGrid g, FinishGradients a) {
    using Sums = Pair<float>;
    SHARED_ARRAY(Sums, shared, [kWarpSize * kFinishRows]);
    const int64_t c = int64_t{blockIdx.x} * kWarpSize + threadIdx.x;
    Sums of_splits = {0, 0};
    for (int64_t split = 0; split < g.S; ++split) {
        Sums sums[1] = {};
        for (int64_t chunk = threadIdx.y; chunk < g.chunks && c < g.C; chunk += blockDim.y) {
            const float* partial = a.partials + (split * g.chunks + chunk) * 2 * g.C + c;
            sums[0] = Sum()(sums[0], Sums{partial[0], partial[g.C]});
        }
        reduce_over_rows(sums, shared, Sum());
        if (threadIdx.y == 0 && c < g.C) {
            const float inv_std = a.inv_std[split * g.C + c], sum_gx = sums[0].second * inv_std;
            const float of_g = a.gamma[c] * inv_std, share = -of_g / a.count;
            float* factors = a.factors + split * kFactors * g.C + c;
            factors[0] = of_g;
            factors[g.C] = share * inv_std * sum_gx;
            factors[2 * g.C] = share * sums[0].first;
            of_splits = Sum()(of_splits, Sums{sums[0].first, sum_gx});
        }
    }
    if (threadIdx.y == 0 && c < g.C) {
        if (a.dbeta != nullptr) a.dbeta[c] = of_splits.first;
        if (a.dgamma != nullptr) a.dgamma[c] = of_splits.second;
    }
}

/// dx = g * of_g + (x - mean) * of_x + constant. Each thread reads its elements before it writes them, so dx may be x
/// or dy.
template <typename E, int kWidth>
KERNEL(kNormThreads)
gradient_of_x(NormGrid g, NormGradient<E> a, const float* factors, E* dx) {
    const NormPlace at = norm_place(g, kWidth);
    if (at.c >= g.C) return;  // no barrier follows
    const float* f = factors + at.split * kFactors * g.C + at.c;
    float mean[kWidth], of_g[kWidth], of_x[kWidth], constant[kWidth];
    load_channels(a.mean + at.split * g.C + at.c, mean);
    load_channels(f, of_g);
    load_channels(f + g.C, of_x);
    load_channels(f + 2 * g.C, constant);
    const bool masked = a.y != nullptr;
    for_each_batch<kBatch>(g, at, [&](const int64_t(&i)[kBatch], int taken) {
        Pack<E, kWidth> x[kBatch], y[kBatch], dy[kBatch];
        load_batch(a.x, i, taken, x);
        load_batch(a.y, i, masked ? taken : 0, y);
        load_batch(a.dy, i, taken, dy);
        UNROLL
        for (int u = 0; u < kBatch; ++u) {
            UNROLL
            for (int v = 0; v < kWidth; ++v) {
                const float value = behind_relu(dy[u].element[v], y[u].element[v], masked);
                const float centred = to_float(x[u].element[v]) - mean[v];
                x[u].element[v] = from_float<E>(value * of_g[v] + (centred * of_x[v] + constant[v]));
            }
            if (u < taken) store_pack(dx + i[u], x[u]);
        }
    });
}

}  // namespace

void KernelBackend::batch_norm_backward(const BatchNormDims& d, const void* x, const void* y, const uint8_t* /*signs*/,
                                        const float* gamma, const float* mean, const float* inv_std, const void* dy,
                                        void* dx, float* dgamma, float* dbeta, void* dresidual) {
    if (d.activation == Activation::none) y = nullptr;
    const Scratch<float> factors(*this, d.S * kFactors * d.C);
    const float count = d.statistics == Statistics::given ? INFINITY : static_cast<float>(d.samples_per_split() * d.HW);
    with_norm_elements(d, {x, y, dy, dx, dresidual}, [&](auto type, auto width) {
        using E = decltype(type);
        constexpr int kWidth = decltype(width)::value;
        const NormGrid g(d, kWidth, kSumBlocks);
        const Scratch<float> partials(*this, d.S * g.chunks * 2 * d.C);
        NormGradient<E> a = {static_cast<const E*>(x), static_cast<const E*>(y), static_cast<const E*>(dy), mean};
        auto* written = static_cast<E*>(dresidual);
        LAUNCH((partial_gradients<E, kWidth>), g.grid(), g.block(), 0, stream(), g, a, written, partials.get());
        LAUNCH(finish_gradients, finish_grid(d), finish_block(g), 0, stream(), g,
               FinishGradients{partials.get(), gamma, inv_std, dgamma, dbeta, factors.get(), count});
        if (dx == nullptr) return;
        // Where the first pass wrote g, reading that spares reading y and dy again.
        if (written != nullptr) {
            a.dy = written;
            a.y = nullptr;
        }
        const NormGrid all(d, kWidth, kElementBlocks);
        LAUNCH((gradient_of_x<E, kWidth>), all.grid(), all.block(), 0, stream(), all, a,
               static_cast<const float*>(factors.get()), static_cast<E*>(dx));
    });
}

}  // namespace moco::cuda
