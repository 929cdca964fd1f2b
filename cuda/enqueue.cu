// New keys into the queue, over the oldest.
#include "cuda/kernel_backend.h"
#include "cuda/rows.cuh"

namespace moco::cuda {
namespace {

template <int kWidth>
KERNEL(kThreads)
copy_to_ring(const int64_t* first, const float* keys, float* queue, int64_t N, int64_t K, int64_t C) {
    const int64_t start = *first % K;
    for_each_in_rows<kWidth>(N, C, [=](int64_t n, int64_t c) {
        const int64_t row = start + n < K ? start + n : start + n - K;  // N <= K: once around at most
        store_pack(queue + row * C + c, load_pack<kWidth>(keys + n * C + c));
    });
}

}  // namespace

void KernelBackend::enqueue(const int64_t* first, const float* keys, float* queue, int64_t N, int64_t K, int64_t C) {
    with_pack_width<float>(takes_packs<float>(C, {keys, queue}), [&](auto width) {
        LAUNCH(copy_to_ring<width()>, row_grid(N, C, width()), row_block(), 0, stream(), first, keys, queue, N, K, C);
    });
}

}  // namespace moco::cuda
