// Work that runs at the processor's limits: chains of multiply-adds.
#include "cpu/peaks.h"

#include <cstdint>
#include <vector>

#include "core/parallel.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/peaks.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

// Independent chains: two units times a latency of four cycles, and some more; 12 and two operands fit 16 registers.
constexpr int kChains = 12;

/// Returns the operations; `sum` receives what they amount to, so that none of them can be left out.
double multiply_add(int64_t rounds, float* sum) {
    const hn::ScalableTag<float> d;
    const auto a = hn::Set(d, 0.5f), b = hn::Set(d, 1.0f);
    decltype(hn::Zero(d)) chain[kChains];
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) chain[i] = hn::Set(d, static_cast<float>(i));
    for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
        for (int i = 0; i < kChains; ++i) chain[i] = hn::MulAdd(chain[i], a, b);
    }
    auto total = hn::Zero(d);
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) total = hn::Add(total, chain[i]);
    *sum = hn::GetLane(hn::SumOfLanes(d, total));
    return 2.0 * kChains * static_cast<double>(rounds) * static_cast<double>(hn::Lanes(d));
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(multiply_add);

double multiply_add_for_a_while() {
    constexpr int64_t kRounds = 4'000'000;  // a chain's step every four cycles: some milliseconds
    const auto kernel = HWY_DYNAMIC_DISPATCH(multiply_add);
    std::vector<double> operations(static_cast<size_t>(threads()));
    std::vector<float> sums(operations.size());
    parallel_for(threads(), 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            operations[static_cast<size_t>(i)] = kernel(kRounds, &sums[static_cast<size_t>(i)]);
        }
    });
    double total = 0;
    for (size_t i = 0; i < sums.size(); ++i) total += sums[i] > 0 ? operations[i] : 0;
    return total;
}

}  // namespace moco::cpu
#endif
