// cuBLAS as the backend uses it: the handle, and how a failing call becomes an Error.
#pragma once

#include <cublas_v2.h>

#include <cstddef>
#include <string>

#include "core/dims.h"
#include "cuda/scratch.h"

namespace moco::cuda {

/// Throws Error naming the device, the call and cuBLAS's reason.
[[noreturn]] void fail_cublas(cublasStatus_t status, const std::string& call);

/// Throws Error unless `status` is success. `call()` is the call with its shapes, in words; it is made only then.
template <typename Call>
void check_cublas(cublasStatus_t status, const Call& call) {
    if (status != CUBLAS_STATUS_SUCCESS) [[unlikely]]
        fail_cublas(status, call());
}

/// A handle whose work goes to one stream, with a workspace of its own: of the library's shared pool cuBLAS may take
/// another part each time, and with it other kernels, whose bits differ. Not copied; one thread at a time.
class Cublas {
  public:
    /// The workspace comes from `backend`, which outlives this.
    Cublas(Backend& backend, cudaStream_t stream);
    ~Cublas();
    Cublas(const Cublas&) = delete;
    Cublas& operator=(const Cublas&) = delete;

    cublasHandle_t handle() const { return handle_; }
    /// How products of f32 are taken from now on: for tf32 by tensor cores, otherwise in f32 throughout.
    void set_precision(Precision precision);

  private:
    Scratch<std::byte> workspace_;
    cublasHandle_t handle_ = nullptr;
};

}  // namespace moco::cuda
