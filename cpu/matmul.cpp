// Matrix products of the contract.
#include "cpu/backend_impl.h"
#include "cpu/gemm.h"

namespace moco::cpu {

void CpuBackend::matmul(const MatmulDims& d, const float* a, const float* b, float* out) {
    gemm({.M = d.M,
          .N = d.N,
          .K = d.K,
          .a = a,
          .a_step = d.a == Transpose::no ? d.K : d.M,
          .b = b,
          .b_step = d.b == Transpose::no ? d.N : d.K,
          .c = out,
          .c_step = d.N,
          .transpose_a = d.a,
          .transpose_b = d.b});
}

}  // namespace moco::cpu
