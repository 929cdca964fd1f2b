// The whole contract with a device, on one page. ops/ calls it, cpu/ and cuda/ implement it.
//
// Pointers are device memory of this backend unless a comment says host; they never alias unless a comment says they
// may. Kernels trust their arguments: shapes and types were checked by the op. Backward functions write their results
// (they do not add); a null result pointer means "not needed". Calls are ordered as issued; a GPU may return before the
// work is done, and only copy_to_host and synchronize wait. One thread at a time uses a backend, except for allocate
// and release, which any thread may call, and for upload and augment, which the loader's threads call beside the
// computing.
//
// All values are f32 unless stated. Activations and their gradients are void*: all those of one call are of the one
// type that its dimensions or its first argument tell, f32 or bf16. Arithmetic, sums and statistics are at least f32
// for either; what is written as bf16 is rounded to the nearest, ties to even. Weights stay f32 here: the parameter
// arena has no bf16 mirror, a backend rounds a weight while it packs it for its kernel, which it does anyway.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/augment.h"
#include "core/dims.h"
#include "core/readback.h"
#include "core/recording.h"

namespace moco {

class Backend {
  public:
    virtual ~Backend() = default;

    // ---- the device ----
    virtual std::string_view name() const = 0;        // "cpu", "cuda"
    virtual std::string description() const = 0;      // for people: model, instruction set, memory
    virtual std::string instruction_set() const = 0;  // bits are promised within one: "AVX2", "AVX3", ..., "sm_90"
    /// What is computed in from now on: how the products of f32 factors are taken. Throws Error, in one sentence, where
    /// this device cannot.
    virtual void set_precision(Precision precision) = 0;
    /// What was chosen on the way and decides the last bits (algorithms by shape), as text for a checkpoint, and back:
    /// with set_tuning a resumed run chooses the same. Empty where shapes decide alone.
    virtual std::string tuning() const { return {}; }
    virtual void set_tuning(std::string_view /*tuning*/) {}

    // ---- memory ----
    /// At least `bytes` bytes, aligned to 64. Throws Error when there is no more.
    virtual void* allocate(size_t bytes) = 0;
    virtual void release(void* memory, size_t bytes) = 0;
    virtual void copy_from_host(void* target, const void* source_host, size_t bytes) = 0;
    virtual void copy_to_host(void* target_host, const void* source, size_t bytes) = 0;
    virtual void copy(void* target, const void* source, size_t bytes) = 0;
    virtual void fill_zero(void* target, size_t bytes) = 0;
    virtual void synchronize() = 0;
    /// A copy to the host that is not waited for: of what the calls so far leave in [source, source + bytes).
    virtual std::unique_ptr<Readback> read_later(const void* source, size_t bytes);
    /// copy_from_host for the loader's threads, beside the computing: later calls see the bytes only after await.
    virtual void upload(void* target, const void* source_host, size_t bytes) {
        copy_from_host(target, source_host, bytes);
    }
    /// What upload and augment wrote within [memory, memory + bytes) is there for all later calls. The copies of this
    /// section await what they read by themselves; kernels do not.
    virtual void await(const void* /*memory*/, size_t /*bytes*/) {}

    // ---- work at the same time ----
    /// Calls first() and second(), whose work must not depend on each other: two networks of `weights` weights each, or
    /// the like. At the same time if this device gains by it, else one after the other.
    virtual void do_both(const std::function<void()>& first, const std::function<void()>& second, int64_t /*weights*/) {
        first();
        second();
    }

    // ---- work that is repeated ----
    /// Notes what `work` gives the device, without doing it, so that replay() does all of it at once, in the same
    /// memory. Copies from the host bring the same bytes again; copies to the host and synchronize are refused. Null,
    /// and nothing was called, if this device cannot.
    virtual std::unique_ptr<Recording> record(const std::function<void()>& work);
    /// What the host does beside the device's work, such as moving a pointer of its own: done at once or, while calls
    /// are noted, at each replay (the first too), before the device's work.
    virtual void beside_work(std::function<void()> effect) { effect(); }

    // ---- convolution ----
    virtual void set_conv_algorithm(ConvAlgorithm algorithm) = 0;
    virtual void conv2d_forward(const Conv2dDims& d, const void* x, const float* weight, void* y) = 0;
    virtual void conv2d_backward_data(const Conv2dDims& d, const void* dy, const float* weight, void* dx) = 0;
    virtual void conv2d_backward_weight(const Conv2dDims& d, const void* x, const void* dy, float* dweight) = 0;

    // ---- batch normalisation: y = activation(gamma * (x - mean) * inv_std + beta + residual) ----
    /// mean, inv_std: S x C, written for backward. running_mean, running_var: C, updated from the mean of the splits'
    /// updates (unbiased variance). residual: like x, or null. y may be the same memory as x. signs: null, or
    /// batch_norm_sign_bytes(d) bytes that are written for backward.
    virtual void batch_norm_forward(const BatchNormDims& d, const BatchNormOptions& options, const void* x,
                                    const float* gamma, const float* beta, const void* residual, float* running_mean,
                                    float* running_var, float* mean, float* inv_std, void* y, uint8_t* signs) = 0;
    /// The memory this backend wants for whether each result is positive, a bit each: backward then reads it and not y.
    /// 0: it reads y.
    virtual size_t batch_norm_sign_bytes(const BatchNormDims& /*d*/) const { return 0; }
    /// Normalises with the running statistics, which stay as they are. S is ignored. inv_std: C, and signs as
    /// batch_norm_forward takes them, are written for backward, or null. y may be the same memory as x.
    virtual void batch_norm_inference(const BatchNormDims& d, const BatchNormOptions& options, const void* x,
                                      const float* gamma, const float* beta, const void* residual,
                                      const float* running_mean, const float* running_var, float* inv_std, void* y,
                                      uint8_t* signs) = 0;
    /// mean, inv_std: S x C, those that forward used; S is 1 where the statistics are given.
    /// y is the forward's result (read for the activation's mask; may be null with Activation::none); signs: null or as
    /// forward wrote them, y is then not read. dresidual: null when there was no residual or it needs no gradient. dx
    /// may be the same memory as x, dx or dresidual as dy.
    virtual void batch_norm_backward(const BatchNormDims& d, const void* x, const void* y, const uint8_t* signs,
                                     const float* gamma, const float* mean, const float* inv_std, const void* dy,
                                     void* dx, float* dgamma, float* dbeta, void* dresidual) = 0;

    // ---- convolution + batch normalisation (+ residual) + activation; the defaults compose the parts (backend.cpp)
    // ----
    /// z: the convolution's result, N,OH,OW,OC, kept for backward; the same memory as y if there is none. b.N, b.HW,
    /// b.C describe z.
    virtual void conv_bn_forward(const Conv2dDims& d, const BatchNormDims& b, const BatchNormOptions& options,
                                 const void* x, const float* weight, const float* gamma, const float* beta,
                                 const void* residual, float* running_mean, float* running_var, void* z, float* mean,
                                 float* inv_std, void* y, uint8_t* signs);
    /// dz: memory like z for the gradient in between; may be z itself. dx, dweight, dresidual may be null.
    virtual void conv_bn_backward(const Conv2dDims& d, const BatchNormDims& b, const void* x, const float* weight,
                                  const void* z, const void* y, const uint8_t* signs, const float* gamma,
                                  const float* mean, const float* inv_std, const void* dy, void* dz, void* dx,
                                  float* dweight, float* dgamma, float* dbeta, void* dresidual);

    // ---- elementwise and pooling ----
    /// target = source in another type, f32 or bf16; NaN stays NaN, what is too large becomes infinite.
    virtual void cast(DType from, const void* source, DType to, void* target, int64_t count) = 0;
    virtual void relu_forward(DType dtype, const void* x, void* y, int64_t count) = 0;
    virtual void relu_backward(DType dtype, const void* y, const void* dy, void* dx, int64_t count) = 0;
    virtual void add_forward(DType dtype, const void* a, const void* b, void* y, int64_t count) = 0;
    virtual void accumulate(DType dtype, const void* x, void* sum, int64_t count) = 0;  // sum += x
    virtual void scale(const float* x, float factor, float* y, int64_t count) = 0;      // y = factor * x; may alias
    /// argmax: for each y the index of its maximum within the window (row * kernel + column), the first one on ties.
    virtual void max_pool_forward(const PoolDims& d, const void* x, void* y, uint8_t* argmax) = 0;
    virtual void max_pool_backward(const PoolDims& d, const void* dy, const uint8_t* argmax, void* dx) = 0;
    /// `dtype` is that of x and dx; y and dy are f32.
    virtual void global_avg_pool_forward(DType dtype, const void* x, float* y, int64_t N, int64_t HW, int64_t C) = 0;
    virtual void global_avg_pool_backward(DType dtype, const float* dy, void* dx, int64_t N, int64_t HW, int64_t C) = 0;

    // ---- matrices ----
    /// out (M x N) = a * b. Row-major; see MatmulDims for transposes.
    virtual void matmul(const MatmulDims& d, const float* a, const float* b, float* out) = 0;
    virtual void add_bias(const float* x, const float* bias, float* y, int64_t rows, int64_t columns) = 0;  // may alias
    /// sum (columns) = sum over rows of x.
    virtual void sum_rows(const float* x, float* sum, int64_t rows, int64_t columns) = 0;
    /// y = x / max(norm(x), 1e-12) row by row; norm (rows) is written for backward.
    virtual void l2_normalize_forward(const float* x, float* y, float* norm, int64_t rows, int64_t columns) = 0;
    virtual void l2_normalize_backward(const float* y, const float* norm, const float* dy, float* dx, int64_t rows,
                                       int64_t columns) = 0;
    /// dot (rows) = sum over columns of a * b, row by row.
    virtual void row_dot_forward(const float* a, const float* b, float* dot, int64_t rows, int64_t columns) = 0;
    /// da = ddot * b, db = ddot * a, row by row; either may be null.
    virtual void row_dot_backward(const float* a, const float* b, const float* ddot, float* da, float* db, int64_t rows,
                                  int64_t columns) = 0;
    /// y (rows x (ca + cb)): a's columns, then b's. The backward splits; either result may be null.
    virtual void concat_columns_forward(const float* a, const float* b, float* y, int64_t rows, int64_t ca,
                                        int64_t cb) = 0;
    virtual void concat_columns_backward(const float* dy, float* da, float* db, int64_t rows, int64_t ca,
                                         int64_t cb) = 0;

    // ---- losses ----
    /// Mean over the rows of -sum over the classes of t * log softmax(logits), t being 1 - smoothing at the target plus
    /// smoothing / C everywhere. logits: N x C; targets: N x i64; loss: 1; log_sum (N): log of the sum of exponentials,
    /// for backward. correct: 1, how many rows have their maximum at the target (ties count as wrong).
    virtual void cross_entropy_forward(const CrossEntropyDims& d, const float* logits, const int64_t* targets,
                                       float* loss, float* log_sum, float* correct) = 0;
    virtual void cross_entropy_backward(const CrossEntropyDims& d, const float* logits, const int64_t* targets,
                                        const float* log_sum, const float* dloss, float* dlogits) = 0;
    /// Fused InfoNCE (paper, Eqn. 1): streams over the queue, never holding N x (1 + K) logits. loss: 1. positive (N):
    /// q.k / T; log_sum (N): log-sum-exp over the positive and all negatives; correct: 1, rows whose positive is the
    /// strict maximum. weighted: N x (C + 1), or null if no backward follows: memory in which a backend may leave, a
    /// row a query, the sum over the negatives of softmax times key, and of softmax.
    virtual void info_nce_forward(const InfoNceDims& d, const float* q, const float* k, const float* queue, float* loss,
                                  float* positive, float* log_sum, float* correct, float* weighted) = 0;
    /// dq: N x C; dk: N x C or null. dloss: 1, in device memory. From what forward left in `weighted`, or from logits
    /// recomputed tile by tile.
    virtual void info_nce_backward(const InfoNceDims& d, const float* q, const float* k, const float* queue,
                                   const float* positive, const float* log_sum, const float* weighted,
                                   const float* dloss, float* dq, float* dk) = 0;

    // ---- updates: each one call over one arena ----
    /// Numbers that change with every step (lr, m, first) are device memory too, so that a recorded step replays with
    /// new ones. lr: 1, the learning rate.
    virtual void sgd_update(const SgdOptions& options, const float* lr, float* w, const float* dw, float* v,
                            int64_t count) = 0;
    /// w_k = m * w_k + (1 - m) * w_q. m: 1.
    virtual void momentum_update(const float* m, float* w_k, const float* w_q, int64_t count) = 0;
    /// Writes keys (N x C) into rows first, first + 1, ... (mod K) of the queue (K x C). N <= K. first: 1.
    virtual void enqueue(const int64_t* first, const float* keys, float* queue, int64_t N, int64_t K, int64_t C) = 0;

    // ---- rows, search, pixels ----
    /// y[i] = x[index[i]] for rows of `columns` floats. index: rows x i64.
    virtual void gather_rows(const float* x, const int64_t* index, float* y, int64_t rows, int64_t columns) = 0;
    /// The way back: y[index[i]] = x[i]; of equal indices the last i counts, and rows that no i names stay.
    virtual void scatter_rows(const float* x, const int64_t* index, float* y, int64_t rows, int64_t columns) = 0;
    /// For each of `rows` rows of scores (rows x columns) the k largest, in descending order, ties by smaller index.
    virtual void top_k(const float* scores, float* values, int64_t* indices, int64_t rows, int64_t columns,
                       int64_t k) = 0;
    /// Augmented views (core/augment.h). images: host memory, one each of params; y: N x size x size x C. Later calls
    /// see y only after await.
    virtual void augment(std::span<const ImageView> images, std::span<const AugmentParams> params, int64_t size,
                         float* y) = 0;
};

}  // namespace moco
