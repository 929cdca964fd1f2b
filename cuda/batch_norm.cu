// Batch normalisation, forward and inference: partial statistics of chunks of rows, their combination, and one pass
// that normalises, adds and cuts off.
//
// Statistics are f32. They are taken of x less the split's first row, so that a mean far larger than the spread costs
// no digits, and as mean and squared deviations from it (Chan's combination), so that an unlucky first row costs none
// either.
#include <cmath>

#include "cuda/batch_norm.cuh"
#include "cuda/kernel_backend.h"
#include "cuda/reduce.cuh"
#include "cuda/scratch.h"

namespace moco::cuda {
namespace {

constexpr int64_t kStatisticsBlocks = 1024;
constexpr int64_t kElementBlocks = 1 << 14;
constexpr int kParameters = 3;  // of a split and channel: mean, scale, shift

/// Of some values: how many, their mean, the sum of their squared deviations from it.
struct Moments {
    float count, mean, square;
};

/// The moments of the values of both.
struct Together {
    DEVICE Moments operator()(const Moments& a, const Moments& b) const {
        const float count = a.count + b.count;
        if (!(count > 0)) return a;
        const float share = b.count / count, apart = b.mean - a.mean;
        return {count, a.mean + apart * share, a.square + b.square + apart * apart * (a.count * share)};
    }
};

/// The moments of the first `taken` values, one per row of a batch, less `shift`.
template <int kWidth, typename E>
DEVICE Moments moments_of(const Pack<E, kWidth> (&x)[kNormBatch], int channel, int taken, float shift) {
    float sum = 0, square = 0;
    UNROLL
    for (int u = 0; u < kNormBatch; ++u) sum += u < taken ? to_float(x[u].element[channel]) - shift : 0.0f;
    const float count = static_cast<float>(taken), mean = sum / count;
    UNROLL
    for (int u = 0; u < kNormBatch; ++u) {
        const float apart = u < taken ? (to_float(x[u].element[channel]) - shift) - mean : 0.0f;
        square += apart * apart;
    }
    return {count, mean, square};
}

/// partials: S x chunks x (mean less the shift, square) x C.
template <typename E, int kWidth>
KERNEL(kNormThreads)
partial_statistics(NormGrid g, const E* x, float* partials) {
    SHARED_ARRAY(Moments, shared, [kWidth * kNormThreads]);
    const NormPlace at = norm_place(g, kWidth);
    Moments moments[kWidth] = {};
    if (at.c < g.C) {
        const Pack<E, kWidth> shift = load_pack<kWidth>(x + norm_row(g, at.split, 0) + at.c);
        for_each_batch<kNormBatch>(g, at, [&](const int64_t(&i)[kNormBatch], int taken) {
            Pack<E, kWidth> batch[kNormBatch];
            load_batch(x, i, taken, batch);
            UNROLL
            for (int v = 0; v < kWidth; ++v)
                moments[v] = Together()(moments[v], moments_of(batch, v, taken, to_float(shift.element[v])));
        });
    }
    reduce_over_rows(moments, shared, Together());
    if (threadIdx.y == 0 && at.c < g.C) {
        float* mean = partials + (at.split * g.chunks + blockIdx.y) * 2 * g.C + at.c;
        UNROLL
        for (int v = 0; v < kWidth; ++v) {
            mean[v] = moments[v].mean;
            mean[g.C + v] = moments[v].square;
        }
    }
}

struct FinishStatistics {
    float epsilon, momentum;
    const float *partials, *gamma, *beta;
    float *running_mean, *running_var, *mean, *inv_std;
    float* parameters;  // S x kParameters x C
};

/// Writes what follows from the moments of one split's channel. What rounding the mean takes from it goes into the
/// shift.
DEVICE void write_statistics(const FinishStatistics& a, const Moments& moments, float first, int64_t split, int64_t c,
                             int64_t C) {
    const float mean = first + moments.mean;
    const float added = mean - first;
    const float lost = (first - (mean - added)) + (moments.mean - added);  // exactly: first + moments.mean - mean
    const float inv_std = 1 / sqrtf(moments.square / moments.count + a.epsilon);
    const float scale = a.gamma[c] * inv_std;
    a.mean[split * C + c] = mean;
    a.inv_std[split * C + c] = inv_std;
    float* parameters = a.parameters + split * kParameters * C + c;
    parameters[0] = mean;
    parameters[C] = scale;
    parameters[2 * C] = a.beta[c] - lost * scale;
}

/// Combines the chunks of each split, in blocks of 32 channels x some threads that share the chunks.
template <typename E>
KERNEL(kWarpSize* kFinishRows)
finish_statistics(NormGrid g, const E* x, FinishStatistics a) {
    SHARED_ARRAY(Moments, shared, [kWarpSize * kFinishRows]);
    const int64_t c = int64_t{blockIdx.x} * kWarpSize + threadIdx.x;
    float mean_of_splits = 0, variance_of_splits = 0;
    for (int64_t split = 0; split < g.S; ++split) {
        Moments moments[1] = {};
        for (int64_t chunk = threadIdx.y; chunk < g.chunks && c < g.C; chunk += blockDim.y) {
            const float* partial = a.partials + (split * g.chunks + chunk) * 2 * g.C + c;
            const int64_t rest = g.rows - chunk * g.chunk_rows;
            const float count = static_cast<float>(rest < g.chunk_rows ? rest : g.chunk_rows);
            moments[0] = Together()(moments[0], {count, partial[0], partial[g.C]});
        }
        reduce_over_rows(moments, shared, Together());
        if (threadIdx.y == 0 && c < g.C) {
            const float first = to_float(x[norm_row(g, split, 0) + c]), count = moments[0].count;
            write_statistics(a, moments[0], first, split, c, g.C);
            mean_of_splits += a.mean[split * g.C + c];
            variance_of_splits += moments[0].square / (count > 2 ? count - 1 : 1.0f);
        }
    }
    if (threadIdx.y == 0 && c < g.C) {
        const float share = a.momentum / static_cast<float>(g.S);
        a.running_mean[c] = (1 - a.momentum) * a.running_mean[c] + share * mean_of_splits;
        a.running_var[c] = (1 - a.momentum) * a.running_var[c] + share * variance_of_splits;
    }
}

KERNEL(kNormThreads)
running_parameters(int64_t C, float epsilon, const float* gamma, const float* beta, const float* mean,
                   const float* variance, float* inv_std, float* parameters) {
    const int64_t c = int64_t{blockIdx.x} * kNormThreads + threadIdx.x;
    if (c >= C) return;  // no barrier follows
    const float inverse = 1 / sqrtf(variance[c] + epsilon);
    if (inv_std != nullptr) inv_std[c] = inverse;
    parameters[c] = mean[c];
    parameters[C + c] = gamma[c] * inverse;
    parameters[2 * C + c] = beta[c];
}

/// y = activation((x - mean) * scale + shift + residual). Each thread reads its elements before it writes them, so y
/// may be x.
template <typename E, int kWidth>
KERNEL(kNormThreads)
normalise(NormGrid g, Activation activation, const E* x, const E* residual, const float* parameters, E* y) {
    const NormPlace at = norm_place(g, kWidth);
    if (at.c >= g.C) return;  // no barrier follows
    const float* p = parameters + at.split * kParameters * g.C + at.c;
    float mean[kWidth], scale[kWidth], shift[kWidth];
    load_channels(p, mean);
    load_channels(p + g.C, scale);
    load_channels(p + 2 * g.C, shift);
    const bool relu = activation == Activation::relu;
    for_each_batch<kNormBatch>(g, at, [&](const int64_t(&i)[kNormBatch], int taken) {
        Pack<E, kWidth> batch[kNormBatch], added[kNormBatch];
        load_batch(x, i, taken, batch);
        load_batch(residual, i, residual != nullptr ? taken : 0, added);
        UNROLL
        for (int u = 0; u < kNormBatch; ++u) {
            UNROLL
            for (int v = 0; v < kWidth; ++v) {
                // Subtracting first keeps the digits when the mean is far larger than the spread.
                float value = (to_float(batch[u].element[v]) - mean[v]) * scale[v] + shift[v];
                value += to_float(added[u].element[v]);
                batch[u].element[v] = from_float<E>(relu && value < 0 ? 0.0f : value);
            }
            if (u < taken) store_pack(y + i[u], batch[u]);
        }
    });
}

/// The pass that all forms share. parameters: S x kParameters x C.
void normalise_all(cudaStream_t stream, const BatchNormDims& d, const void* x, const void* residual,
                   const float* parameters, void* y) {
    with_norm_elements(d, {x, residual, y}, [&](auto type, auto width) {
        using E = decltype(type);
        constexpr int kWidth = decltype(width)::value;
        const NormGrid g(d, kWidth, kElementBlocks);
        LAUNCH((normalise<E, kWidth>), g.grid(), g.block(), 0, stream, g, d.activation, static_cast<const E*>(x),
               static_cast<const E*>(residual), parameters, static_cast<E*>(y));
    });
}

}  // namespace

void KernelBackend::batch_norm_forward(const BatchNormDims& d, const BatchNormOptions& options, const void* x,
                                       const float* gamma, const float* beta, const void* residual, float* running_mean,
                                       float* running_var, float* mean, float* inv_std, void* y, uint8_t* /*signs*/) {
    const Scratch<float> parameters(*this, d.S * kParameters * d.C);
    with_norm_elements(d, {x}, [&](auto type, auto width) {
        using E = decltype(type);
        constexpr int kWidth = decltype(width)::value;
        const NormGrid g(d, kWidth, kStatisticsBlocks);
        const Scratch<float> partials(*this, d.S * g.chunks * 2 * d.C);
        const auto* from = static_cast<const E*>(x);
        LAUNCH((partial_statistics<E, kWidth>), g.grid(), g.block(), 0, stream(), g, from, partials.get());
        const FinishStatistics finish = {options.epsilon, options.momentum, partials.get(), gamma,   beta,
                                         running_mean,    running_var,      mean,           inv_std, parameters.get()};
        LAUNCH(finish_statistics<E>, finish_grid(d), finish_block(g), 0, stream(), g, from, finish);
    });
    normalise_all(stream(), d, x, residual, parameters.get(), y);
}

void KernelBackend::batch_norm_inference(const BatchNormDims& d, const BatchNormOptions& options, const void* x,
                                         const float* gamma, const float* beta, const void* residual,
                                         const float* running_mean, const float* running_var, float* inv_std, void* y,
                                         uint8_t* /*signs*/) {
    BatchNormDims whole = d;
    whole.S = 1;
    const Scratch<float> parameters(*this, kParameters * d.C);
    LAUNCH(running_parameters, blocks_for(d.C, kNormThreads, INT32_MAX), kNormThreads, 0, stream(), d.C,
           options.epsilon, gamma, beta, running_mean, running_var, inv_std, parameters.get());
    normalise_all(stream(), whole, x, residual, parameters.get(), y);
}

}  // namespace moco::cuda
