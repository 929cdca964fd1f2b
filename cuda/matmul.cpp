// Matrix products of the contract, by cuBLAS.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "cuda/backend_impl.h"

namespace moco::cuda {
namespace {

/// "a 3x5 M,K; b 7x5 N,K; out 3x7 M,N"
std::string shapes_of(const MatmulDims& d) {
    const std::string a =
        d.a == Transpose::no ? fmt::format("a {}x{} M,K", d.M, d.K) : fmt::format("a {}x{} K,M", d.K, d.M);
    const std::string b =
        d.b == Transpose::no ? fmt::format("b {}x{} K,N", d.K, d.N) : fmt::format("b {}x{} N,K", d.N, d.K);
    return fmt::format("{}; {}; out {}x{} M,N", a, b, d.M, d.N);
}

cublasOperation_t operation(Transpose transpose) {
    return transpose == Transpose::yes ? CUBLAS_OP_T : CUBLAS_OP_N;
}

}  // namespace

void CudaBackend::set_precision(Precision precision) {
    KernelBackend::set_precision(precision);
    cublas_.set_precision(precision);
}

// cuBLAS takes matrices by columns. Read so, our rows are the transposes: out^T (N x M) = b^T (N x K) * a^T (K x M).
void CudaBackend::matmul(const MatmulDims& d, const float* a, const float* b, float* out) {
    constexpr int64_t kMost = std::numeric_limits<int>::max();
    if (std::max({d.M, d.N, d.K}) > kMost) [[unlikely]]
        fail("matmul: cuBLAS takes no extent of 2^31 or more ({})", shapes_of(d));
    const int M = static_cast<int>(d.M), N = static_cast<int>(d.N), K = static_cast<int>(d.K);
    const int a_step = d.a == Transpose::no ? K : M, b_step = d.b == Transpose::no ? N : K;
    const float one = 1, zero = 0;
    check_cublas(cublasSgemm(cublas_.handle(), operation(d.b), operation(d.a), N, M, K, &one, b, b_step, a, a_step,
                             &zero, out, N),
                 [&] { return fmt::format("cublasSgemm of {}", shapes_of(d)); });
}

}  // namespace moco::cuda
