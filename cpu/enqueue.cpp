// New keys into the queue, over the oldest.
#include <algorithm>

#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::enqueue(const int64_t* first, const float* keys, float* queue, int64_t N, int64_t K, int64_t C) {
    const int64_t start = *first % K;
    const int64_t until_end = std::min(N, K - start);  // the rest goes to the front
    std::copy_n(keys, until_end * C, queue + start * C);
    std::copy_n(keys + until_end * C, (N - until_end) * C, queue);
}

}  // namespace moco::cpu
