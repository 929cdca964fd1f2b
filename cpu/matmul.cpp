// Matrix products of the contract.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::matmul(const MatmulDims& d, const float* a, const float* b, float* out) {
    const int64_t a_row = d.a == Transpose::no ? d.K : 1, a_column = d.a == Transpose::no ? 1 : d.M;
    const int64_t b_row = d.b == Transpose::no ? d.N : 1, b_column = d.b == Transpose::no ? 1 : d.K;
    parallel_for(d.M, 8, [&](int64_t begin, int64_t end) {
        std::fill(out + begin * d.N, out + end * d.N, 0.0f);
        for (int64_t i = begin; i < end; ++i)
            for (int64_t k = 0; k < d.K; ++k)
                for (int64_t j = 0; j < d.N; ++j)
                    out[i * d.N + j] += a[i * a_row + k * a_column] * b[k * b_row + j * b_column];
    });
}

}  // namespace moco::cpu
