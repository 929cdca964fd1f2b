// The k largest scores of each row: one scan that looks only at what beats the k-th best so far.
#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

#include "core/bits.h"
#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/top_k.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// The first i in [begin, end) with row[i] > threshold, or end.
int64_t find_above(const float* row, int64_t begin, int64_t end, float threshold) {
    const hn::ScalableTag<float> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const auto limit = hn::Set(d, threshold);
    for (; begin + lanes <= end; begin += lanes) {
        const intptr_t first = hn::FindFirstTrue(d, hn::Gt(hn::LoadU(d, row + begin), limit));
        if (first >= 0) return begin + first;
    }
    while (begin < end && !(row[begin] > threshold)) ++begin;
    return begin;
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {
namespace {

HWY_EXPORT(find_above);

/// Score and index in one integer whose order is the wanted one: larger scores first, then smaller indices. A NaN
/// counts as less than everything.
uint64_t rank_of(float score, int64_t index) {
    const uint32_t bits = bit_cast<uint32_t>(score + 0.0f);  // -0 becomes 0
    const uint32_t ordered = score != score ? 0 : (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
    return uint64_t{ordered} << 32 | (0xffffffffu - static_cast<uint32_t>(index));
}

int64_t index_of(uint64_t rank) {
    return 0xffffffffu - static_cast<uint32_t>(rank);
}

/// Keeps the k best of `ranks`; returns the score that a later element must exceed to be among them.
float keep_best(std::vector<uint64_t>& ranks, int64_t k, const float* row) {
    const auto last = ranks.begin() + (k - 1);
    std::nth_element(ranks.begin(), last, ranks.end(), std::greater<>());
    ranks.resize(static_cast<size_t>(k));
    const float score = row[index_of(ranks.back())];
    return score != score ? -std::numeric_limits<float>::infinity() : score;
}

void top_k_of_row(const float* row, int64_t columns, int64_t k, std::vector<uint64_t>& ranks) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(find_above);
    const size_t limit = static_cast<size_t>(2 * k + 64);
    ranks.clear();
    for (int64_t i = 0; i < k; ++i) ranks.push_back(rank_of(row[i], i));
    float threshold = keep_best(ranks, k, row);
    for (int64_t i = k; (i = kernel(row, i, columns, threshold)) < columns; ++i) {
        ranks.push_back(rank_of(row[i], i));
        if (ranks.size() == limit) threshold = keep_best(ranks, k, row);
    }
    keep_best(ranks, k, row);
    std::sort(ranks.begin(), ranks.end(), std::greater<>());
}

}  // namespace

void CpuBackend::top_k(const float* scores, float* values, int64_t* indices, int64_t rows, int64_t columns, int64_t k) {
    if (k == 0) return;
    parallel_for(rows, row_grain(rows, columns), [=](int64_t begin, int64_t end) {
        std::vector<uint64_t> ranks;
        for (int64_t r = begin; r < end; ++r) {
            const float* row = scores + r * columns;
            top_k_of_row(row, columns, k, ranks);
            for (int64_t i = 0; i < k; ++i) {
                indices[r * k + i] = index_of(ranks[static_cast<size_t>(i)]);
                values[r * k + i] = row[indices[r * k + i]];
            }
        }
    });
}

}  // namespace moco::cpu
#endif
