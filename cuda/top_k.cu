// The k largest scores of each row: a block a row finds the rank of the k-th largest digit by digit, collects what is
// not below it, and puts that in order. Meant for k of some hundreds: the order is found by comparing each with each.
#include "cuda/kernel_backend.h"
#include "cuda/reduce.cuh"
#include "cuda/scratch.h"

namespace moco::cuda {
namespace {

constexpr int kMostThreads = 1024;
constexpr int kFewThreads = 256;
constexpr int64_t kShortRow = 4096;  // for few threads
constexpr int kAtOnce = 4;           // scores a thread loads before it looks at them
constexpr int kDigitBits = 8, kDigits = 1 << kDigitBits;

/// Score and index in one integer whose order is the wanted one: larger scores first, then smaller indices. A NaN
/// counts as less than everything. No two of a row are equal.
DEVICE uint64_t rank_of(float score, int64_t index) {
    const uint32_t bits = __float_as_uint(score + 0.0f);  // -0 becomes 0
    const uint32_t ordered = score != score ? 0 : bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
    return uint64_t{ordered} << 32 | (0xffffffffu - static_cast<uint32_t>(index));
}

DEVICE int64_t index_of(uint64_t rank) {
    return 0xffffffffu - static_cast<uint32_t>(rank);
}

/// Calls f(rank) for each score of the row, by all threads of the block together.
template <typename F>
DEVICE void for_each_rank(const float* row, int64_t columns, const F& f) {
    for (int64_t first = threadIdx.x; first < columns; first += kAtOnce * int64_t{blockDim.x}) {
        float scores[kAtOnce];
        UNROLL
        for (int u = 0; u < kAtOnce; ++u) {
            const int64_t c = first + int64_t{u} * blockDim.x;
            scores[u] = c < columns ? row[c] : 0.0f;
        }
        UNROLL
        for (int u = 0; u < kAtOnce; ++u) {
            const int64_t c = first + int64_t{u} * blockDim.x;
            if (c < columns) f(rank_of(scores[u], c));
        }
    }
}

/// How many ranks that agree with `prefix` above the digit at `shift` have which digit there. histogram: shared.
/// Holds barriers.
DEVICE void count_digits(const float* row, int64_t columns, uint64_t prefix, int shift, unsigned* histogram) {
    for (unsigned i = threadIdx.x; i < kDigits; i += blockDim.x) histogram[i] = 0;
    __syncthreads();
    // Scores that stand side by side often share a digit: a thread adds up runs before it asks for the atomic.
    unsigned digit = 0, run = 0;
    for_each_rank(row, columns, [&](uint64_t rank) {
        const bool agrees = shift + kDigitBits == 64 || (rank ^ prefix) >> (shift + kDigitBits) == 0;
        if (!agrees) return;
        const unsigned next = static_cast<unsigned>(rank >> shift) % kDigits;
        if (next != digit && run > 0) {
            atomicAdd(&histogram[digit], run);
            run = 0;
        }
        digit = next;
        ++run;
    });
    if (run > 0) atomicAdd(&histogram[digit], run);
    __syncthreads();
}

/// The digit of the rank that is the `wanted`-th from above; how many ranks have a larger digit, how many this one.
struct DigitChoice {
    unsigned digit, above, equal;
};

/// By the block's first warp. Each lane has some neighbouring digits, from the largest down.
DEVICE void choose_digit(const unsigned* histogram, unsigned wanted, DigitChoice* choice) {
    constexpr unsigned kEach = kDigits / kWarpSize;
    const unsigned lane = threadIdx.x, largest = kDigits - 1 - lane * kEach;
    unsigned of_lane = 0;
    for (unsigned i = 0; i < kEach; ++i) of_lane += histogram[largest - i];
    unsigned through = of_lane;  // of all lanes up to this one
    for (unsigned step = 1; step < kWarpSize; step *= 2) {
        const unsigned before = __shfl_up_sync(kFullMask, through, step);
        if (lane >= step) through += before;
    }
    unsigned above = through - of_lane;
    if (above >= wanted || wanted > through) return;
    for (unsigned i = 0; i < kEach; ++i) {
        const unsigned equal = histogram[largest - i];
        if (above + equal >= wanted) {
            *choice = {largest - i, above, equal};
            return;
        }
        above += equal;
    }
}

/// The k-th largest rank of the row, or a number below it and above the next. Holds barriers.
DEVICE uint64_t find_threshold(const float* row, int64_t columns, int64_t k, unsigned* histogram, DigitChoice* choice) {
    if (k == columns) return 0;
    uint64_t prefix = 0;
    unsigned wanted = static_cast<unsigned>(k);  // of the ranks that agree with the prefix
    for (int shift = 64 - kDigitBits; shift >= 0; shift -= kDigitBits) {
        count_digits(row, columns, prefix, shift, histogram);
        if (threadIdx.x < kWarpSize) choose_digit(histogram, wanted, choice);
        __syncthreads();
        prefix |= uint64_t{choice->digit} << shift;
        wanted -= choice->above;
        if (wanted == choice->equal) break;  // all that agree are wanted
    }
    return prefix;
}

/// candidates: rows x k, for the k largest ranks of each row in any order.
KERNEL(kMostThreads)
top_k_of_rows(const float* scores, uint64_t* candidates, float* values, int64_t* indices, int64_t columns, int64_t k) {
    SHARED_ARRAY(unsigned, histogram, [kDigits]);
    SHARED_ARRAY(DigitChoice, choice, [1]);
    SHARED_ARRAY(unsigned, taken, [1]);
    const int64_t r = blockIdx.x;
    const float* row = scores + r * columns;
    candidates += r * k;
    if (threadIdx.x == 0) taken[0] = 0;
    __syncthreads();
    const uint64_t threshold = find_threshold(row, columns, k, histogram, choice);
    for_each_rank(row, columns, [&](uint64_t rank) {
        if (rank >= threshold) candidates[atomicAdd(&taken[0], 1u)] = rank;
    });
    __syncthreads();
    for (int64_t i = threadIdx.x; i < k; i += blockDim.x) {
        const uint64_t rank = candidates[i];
        int64_t place = 0;
        for (int64_t j = 0; j < k; ++j) place += candidates[j] > rank ? 1 : 0;
        const int64_t index = index_of(rank);
        indices[r * k + place] = index;
        values[r * k + place] = row[index];
    }
}

}  // namespace

void KernelBackend::top_k(const float* scores, float* values, int64_t* indices, int64_t rows, int64_t columns,
                          int64_t k) {
    if (k == 0 || rows == 0) return;
    const Scratch<uint64_t> candidates(*this, rows * k);
    LAUNCH(top_k_of_rows, static_cast<unsigned>(rows), columns > kShortRow ? kMostThreads : kFewThreads, 0, stream(),
           scores, candidates.get(), values, indices, columns, k);
}

}  // namespace moco::cuda
