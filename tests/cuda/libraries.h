// What tests of the calls of cuDNN and cuBLAS share beside tests/cuda/support.h: the whole backend, not only its
// hand-written half.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "cuda/backend_impl.h"
#include "tests/cuda/support.h"
#include "tests/support/message.h"

#if defined(MOCO_CUDA_EMULATED)
#include "cuda/emulated/failure.h"
#endif

namespace moco::cuda::testing {

/// Shared by all tests of a program.
inline CudaBackend& backend() {
    static CudaBackend whole;
    return whole;
}

/// An array that backend() copies, rather than device(): the two work on streams of their own.
template <typename T>
class Array : public DeviceArray<T> {
  public:
    explicit Array(int64_t count) : DeviceArray<T>(count, backend()) {}
    explicit Array(const std::vector<T>& values) : DeviceArray<T>(values, backend()) {}
};

/// `count` elements that are all NaN: results are written there, and what is not written is seen.
inline std::vector<float> nan_floats(int64_t count) {
    return std::vector<float>(static_cast<size_t>(count), NAN);
}
inline std::vector<uint16_t> nan_halves(int64_t count) {
    return std::vector<uint16_t>(static_cast<size_t>(count), 0x7fc0);
}

/// The largest relative error of rounding a factor to TF32, which keeps 11 binary digits.
inline constexpr double kTf32Epsilon = 0x1p-11;

/// The bound of a sum of products of which both factors were rounded to TF32: each product errs by two roundings, and
/// the errors add up as those of tolerances.h do.
inline double tf32_sum_of(int64_t n) {
    return sum_of(n) * kTf32Epsilon / kEpsilon;
}

}  // namespace moco::cuda::testing
