// The class behind make_cuda_backend: the hand-written kernels (cuda/kernel_backend.h), and the convolutions and matrix
// products that cuDNN and cuBLAS compute. Each .cpp file defines the members it is named after: conv2d.cpp the
// convolutions, matmul.cpp the products. What they promise stands in core/backend.h.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "cuda/conv2d_plan.h"
#include "cuda/cublas.h"
#include "cuda/cudnn.h"
#include "cuda/kernel_backend.h"

namespace moco::cuda {

class CudaBackend final : public KernelBackend {
  public:
    /// Throws Error where the runtime finds no usable device.
    CudaBackend();
    ~CudaBackend() override;
    void set_precision(Precision precision) override;
    /// The algorithms of the convolutions so far. Those that another cuDNN or device chose are not taken over.
    std::string tuning() const override;
    void set_tuning(std::string_view tuning) override;

    // ---- convolution ----
    /// direct: neither Winograd's algorithms nor FFT. winograd: Winograd's wherever cuDNN has one.
    void set_conv_algorithm(ConvAlgorithm algorithm) override;
    void conv2d_forward(const Conv2dDims& d, const void* x, const float* weight, void* y) override;
    void conv2d_backward_data(const Conv2dDims& d, const void* dy, const float* weight, void* dx) override;
    /// Of bf16 x and dy, dweight is a bf16 number (conv2d.cpp).
    void conv2d_backward_weight(const Conv2dDims& d, const void* x, const void* dy, float* dweight) override;

    // ---- matrices ----
    void matmul(const MatmulDims& d, const float* a, const float* b, float* out) override;

  private:
    ConvKey conv_key(const Conv2dDims& d, ConvPass pass) const;
    /// Made on first use: then cuDNN is asked for its algorithms, and descriptors are created.
    const ConvPlan& conv_plan(const ConvKey& key);

    Cublas cublas_;
    CudnnHandle cudnn_;
    ConvAlgorithm conv_algorithm_ = ConvAlgorithm::auto_select;
    ConvChoices conv_choices_;
    std::map<ConvKey, ConvPlan> conv_plans_;
};

}  // namespace moco::cuda
