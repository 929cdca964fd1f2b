// Matrix products with leading dimensions: what matmul and other kernels of this folder build on.
#pragma once

#include "core/dims.h"

namespace moco::cpu {

/// C (M x N) = A * B, or C += A * B with Accumulate::yes. All row-major; `*_step` is the distance between rows in
/// floats. With Transpose::yes an operand is stored transposed (A: K x M, B: N x K).
struct Gemm {
    enum class Accumulate { no, yes };

    int64_t M, N, K;
    const float* a;
    int64_t a_step;
    const float* b;
    int64_t b_step;
    float* c;
    int64_t c_step;
    Transpose transpose_a = Transpose::no;
    Transpose transpose_b = Transpose::no;
    Accumulate accumulate = Accumulate::no;
};

/// On the threads of parallel_for. The bits depend on the sizes and the instruction set, not on the threads. Uses up to
/// 4 MiB of scratch memory of the calling thread.
void gemm(const Gemm& g);
/// The same on the calling thread alone, with the same bits.
void gemm_on_this_thread(const Gemm& g);

}  // namespace moco::cpu
