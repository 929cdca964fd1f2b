#include "cuda/mean_loss.cuh"

namespace moco::cuda {
namespace {

constexpr int kThreads = 256;

KERNEL(kThreads)
mean_of_rows(const Pair<float>* of_rows, int64_t rows, float* loss, float* correct) {
    using Sums = Pair<float>;
    SHARED_ARRAY(Sums, partial, [kMaxWarps]);
    Sums sums = {0, 0};
    for (int64_t r = threadIdx.x; r < rows; r += blockDim.x) sums = Sum()(sums, of_rows[r]);
    sums = block_reduce(sums, partial, Sum());
    if (threadIdx.x == 0) {
        *loss = sums.first / static_cast<float>(rows);
        *correct = sums.second;
    }
}

}  // namespace

void mean_loss(cudaStream_t stream, const Pair<float>* of_rows, int64_t rows, float* loss, float* correct) {
    LAUNCH(mean_of_rows, 1, rows > kWarpSize ? kThreads : kWarpSize, 0, stream, of_rows, rows, loss, correct);
}

}  // namespace moco::cuda
