// The hand-written part of the CUDA backend: memory, streams and every kernel, all but the convolutions and matrix
// products that NVIDIA's libraries compute (cuda/backend_impl.h adds those). It links neither cuDNN nor cuBLAS. Each
// .cu file of this folder defines the members it is named after. What they promise stands in core/backend.h.
#pragma once

#include <cuda_runtime_api.h>

#include "core/backend.h"
#include "cuda/device.h"
#include "cuda/memory.h"
#include "cuda/side_lane.h"
#include "cuda/staging.h"
#include "cuda/stream.h"

namespace moco::cuda {

class RecordedGraph;

class KernelBackend : public Backend {
  public:
    /// Throws Error where the runtime finds no usable device.
    KernelBackend();
    ~KernelBackend() override;
    std::string_view name() const override;
    std::string description() const override;
    std::string instruction_set() const override;
    void set_precision(Precision precision) override;

    // ---- memory ----
    void* allocate(size_t bytes) override;
    void release(void* memory, size_t bytes) override;
    void copy_from_host(void* target, const void* source_host, size_t bytes) override;
    void copy_to_host(void* target_host, const void* source, size_t bytes) override;
    void copy(void* target, const void* source, size_t bytes) override;
    void fill_zero(void* target, size_t bytes) override;
    void synchronize() override;
    std::unique_ptr<Readback> read_later(const void* source, size_t bytes) override;
    void upload(void* target, const void* source_host, size_t bytes) override;
    void await(const void* memory, size_t bytes) override;

    // ---- work that is repeated ----
    std::unique_ptr<Recording> record(const std::function<void()>& work) override;
    void beside_work(std::function<void()> effect) override;

    // ---- batch normalisation: y = activation(gamma * (x - mean) * inv_std + beta + residual) ----
    void batch_norm_forward(const BatchNormDims& d, const BatchNormOptions& options, const void* x, const float* gamma,
                            const float* beta, const void* residual, float* running_mean, float* running_var,
                            float* mean, float* inv_std, void* y, uint8_t* signs) override;
    void batch_norm_inference(const BatchNormDims& d, const BatchNormOptions& options, const void* x,
                              const float* gamma, const float* beta, const void* residual, const float* running_mean,
                              const float* running_var, float* inv_std, void* y, uint8_t* signs) override;
    void batch_norm_backward(const BatchNormDims& d, const void* x, const void* y, const uint8_t* signs,
                             const float* gamma, const float* mean, const float* inv_std, const void* dy, void* dx,
                             float* dgamma, float* dbeta, void* dresidual) override;

    // ---- elementwise and pooling ----
    void cast(DType from, const void* source, DType to, void* target, int64_t count) override;
    void relu_forward(DType dtype, const void* x, void* y, int64_t count) override;
    void relu_backward(DType dtype, const void* y, const void* dy, void* dx, int64_t count) override;
    void add_forward(DType dtype, const void* a, const void* b, void* y, int64_t count) override;
    void accumulate(DType dtype, const void* x, void* sum, int64_t count) override;
    void scale(const float* x, float factor, float* y, int64_t count) override;
    void max_pool_forward(const PoolDims& d, const void* x, void* y, uint8_t* argmax) override;
    void max_pool_backward(const PoolDims& d, const void* dy, const uint8_t* argmax, void* dx) override;
    void global_avg_pool_forward(DType dtype, const void* x, float* y, int64_t N, int64_t HW, int64_t C) override;
    void global_avg_pool_backward(DType dtype, const float* dy, void* dx, int64_t N, int64_t HW, int64_t C) override;

    // ---- matrices ----
    void add_bias(const float* x, const float* bias, float* y, int64_t rows, int64_t columns) override;
    void sum_rows(const float* x, float* sum, int64_t rows, int64_t columns) override;
    void l2_normalize_forward(const float* x, float* y, float* norm, int64_t rows, int64_t columns) override;
    void l2_normalize_backward(const float* y, const float* norm, const float* dy, float* dx, int64_t rows,
                               int64_t columns) override;
    void row_dot_forward(const float* a, const float* b, float* dot, int64_t rows, int64_t columns) override;
    void row_dot_backward(const float* a, const float* b, const float* ddot, float* da, float* db, int64_t rows,
                          int64_t columns) override;
    void concat_columns_forward(const float* a, const float* b, float* y, int64_t rows, int64_t ca,
                                int64_t cb) override;
    void concat_columns_backward(const float* dy, float* da, float* db, int64_t rows, int64_t ca, int64_t cb) override;

    // ---- losses ----
    void cross_entropy_forward(const CrossEntropyDims& d, const float* logits, const int64_t* targets, float* loss,
                               float* log_sum, float* correct) override;
    void cross_entropy_backward(const CrossEntropyDims& d, const float* logits, const int64_t* targets,
                                const float* log_sum, const float* dloss, float* dlogits) override;
    void info_nce_forward(const InfoNceDims& d, const float* q, const float* k, const float* queue, float* loss,
                          float* positive, float* log_sum, float* correct, float* weighted) override;
    void info_nce_backward(const InfoNceDims& d, const float* q, const float* k, const float* queue,
                           const float* positive, const float* log_sum, const float* weighted, const float* dloss,
                           float* dq, float* dk) override;

    // ---- updates: each one call over one arena; `state` is device memory ----
    void sgd_update(const SgdOptions& options, const float* lr, float* w, const float* dw, float* v,
                    int64_t count) override;
    void momentum_update(const float* m, float* w_k, const float* w_q, int64_t count) override;
    void enqueue(const int64_t* first, const float* keys, float* queue, int64_t N, int64_t K, int64_t C) override;

    // ---- rows, search, pixels ----
    void gather_rows(const float* x, const int64_t* index, float* y, int64_t rows, int64_t columns) override;
    void scatter_rows(const float* x, const int64_t* index, float* y, int64_t rows, int64_t columns) override;
    void top_k(const float* scores, float* values, int64_t* indices, int64_t rows, int64_t columns, int64_t k) override;
    void augment(std::span<const ImageView> images, std::span<const AugmentParams> params, int64_t size,
                 float* y) override;

    /// Where everything is computed, in the order of the calls.
    cudaStream_t stream() const { return stream_.get(); }
    /// Where the loader's threads work, beside stream().
    SideLane& side_lane() { return lane_; }
    /// Page-locked memory for what they copy.
    Staging& staging() { return staging_; }
    /// What allocate and release work on.
    MemoryPool& memory() { return memory_; }
    const Device& device() const { return device_; }
    Precision precision() const { return precision_; }

  private:
    const Device device_;
    MemoryPool memory_;
    Staging staging_;
    Stream stream_;
    SideLane lane_;
    Precision precision_ = Precision::f32;
    RecordedGraph* graph_ = nullptr;  // while it is recorded
};

}  // namespace moco::cuda
