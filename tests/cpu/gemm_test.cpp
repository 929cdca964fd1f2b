// The CPU's matrix products against the definition in double.
#include "cpu/gemm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/parallel.h"
#include "tests/cpu/on_each_target.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using testing::cpu;
using testing::error_over_rms;
using testing::formula_values;

struct Size {
    int64_t M, N, K;
};

// Tiles are 14 x 32 (AVX-512) or 6 x 16 (AVX2), blocks 512 deep and 256 or 128 wide.
const Size kSizes[] = {{1, 1, 1},   {14, 32, 8},    {15, 33, 9},    {13, 31, 7},   {6, 16, 64},  {7, 17, 65},
                       {5, 15, 63}, {113, 129, 17}, {57, 300, 513}, {2, 3, 1100},  {300, 2, 30}, {64, 5, 4101},
                       {1, 600, 3}, {257, 1, 31},   {28, 64, 512},  {100, 48, 100}};

const Transpose kBoth[] = {Transpose::no, Transpose::yes};

std::vector<double> reference(const Size& s, const std::vector<float>& a, Transpose ta, const std::vector<float>& b,
                              Transpose tb) {
    std::vector<double> c(static_cast<size_t>(s.M * s.N));
    for (int64_t m = 0; m < s.M; ++m)
        for (int64_t n = 0; n < s.N; ++n)
            for (int64_t k = 0; k < s.K; ++k)
                c[static_cast<size_t>(m * s.N + n)] +=
                    static_cast<double>(a[static_cast<size_t>(ta == Transpose::no ? m * s.K + k : k * s.M + m)]) *
                    b[static_cast<size_t>(tb == Transpose::no ? k * s.N + n : n * s.K + k)];
    return c;
}

// Sums of K products in order of K: off by about sqrt(K) * 2^-24 of the terms, the result's RMS being sqrt(K) of them;
// the largest of some thousand errors is several times that, and more for the 4101 products of the longest sums.
constexpr double kTolerance = 1e-5;

TEST(CpuMatmul, MatchesTheDefinition) {
    for (const Size& s : kSizes) {
        const std::vector<float> a = formula_values(s.M * s.K, 1), b = formula_values(s.K * s.N, 2);
        for (const Transpose ta : kBoth) {
            for (const Transpose tb : kBoth) {
                SCOPED_TRACE(fmt::format("{}x{}x{}, transposes {} {}", s.M, s.N, s.K, ta == Transpose::yes,
                                         tb == Transpose::yes));
                const Tensor ta_values = Tensor::from_host(a, Shape{s.M * s.K}, cpu());
                const Tensor tb_values = Tensor::from_host(b, Shape{s.K * s.N}, cpu());
                Tensor out = Tensor::full(Shape{s.M * s.N}, NAN, cpu());
                cpu().matmul({s.M, s.N, s.K, ta, tb}, ta_values.data(), tb_values.data(), out.mutable_data());
                EXPECT_LT(error_over_rms(out.to_vector(), reference(s, a, ta, b, tb)), kTolerance);
            }
        }
    }
}

TEST(CpuMatmul, SumsOfFewSteps) {
    // Tall tiles of whole vectors take their last two or three steps row by row, if they have as many.
    testing::on_each_target([] {
        for (const int64_t N : {16, 32, 48}) {
            for (int64_t M = 1; M <= 14; ++M) {
                for (int64_t K = 1; K <= 9; ++K) {
                    const Size s{M, N, K};
                    const std::vector<float> a = formula_values(M * K, 1), b = formula_values(K * N, 2);
                    std::vector<float> c(static_cast<size_t>(M * N), NAN);
                    cpu::gemm({.M = M,
                               .N = N,
                               .K = K,
                               .a = a.data(),
                               .a_step = K,
                               .b = b.data(),
                               .b_step = N,
                               .c = c.data(),
                               .c_step = N});
                    EXPECT_LT(error_over_rms(c, reference(s, a, Transpose::no, b, Transpose::no)), kTolerance)
                        << fmt::format("{}x{}x{}", M, N, K);
                }
            }
        }
    });
}

TEST(CpuMatmul, SameBitsForAnyNumberOfThreads) {
    for (const Size& s : kSizes) {
        const std::vector<float> a = formula_values(s.M * s.K, 1), b = formula_values(s.K * s.N, 2);
        std::vector<float> one(static_cast<size_t>(s.M * s.N)), many = one, serial = one;
        cpu::Gemm g{.M = s.M,
                    .N = s.N,
                    .K = s.K,
                    .a = a.data(),
                    .a_step = s.K,
                    .b = b.data(),
                    .b_step = s.N,
                    .c = one.data(),
                    .c_step = s.N};
        set_threads(1);
        cpu::gemm(g);
        for (const int threads : {2, 4}) {
            set_threads(threads);
            g.c = many.data();
            cpu::gemm(g);
            EXPECT_EQ(many, one) << fmt::format("{}x{}x{} on {} threads", s.M, s.N, s.K, threads);
        }
        set_threads(0);
        g.c = serial.data();
        cpu::gemm_on_this_thread(g);
        EXPECT_EQ(serial, one);
    }
}

TEST(CpuGemm, KeepsToItsPartOfTheMatrices) {
    // A 5 x 7 part of a 6 x 40 matrix, summed onto what is there.
    const int64_t M = 5, N = 7, K = 9, step = 40;
    const std::vector<float> a = formula_values(M * step, 1), b = formula_values(K * step, 2);
    std::vector<float> c((M + 1) * step, 3.0f);
    cpu::gemm({.M = M,
               .N = N,
               .K = K,
               .a = a.data(),
               .a_step = step,
               .b = b.data(),
               .b_step = step,
               .c = c.data(),
               .c_step = step,
               .accumulate = cpu::Gemm::Accumulate::yes});
    for (int64_t m = 0; m <= M; ++m) {
        for (int64_t n = 0; n < step; ++n) {
            double expected = 3;
            if (m < M && n < N)
                for (int64_t k = 0; k < K; ++k)
                    expected += static_cast<double>(a[static_cast<size_t>(m * step + k)]) *
                                b[static_cast<size_t>(k * step + n)];
            EXPECT_NEAR(c[static_cast<size_t>(m * step + n)], expected, 1e-5) << m << ", " << n;
        }
    }
}

TEST(CpuGemm, AnEmptySumIsZero) {
    std::vector<float> c(6, 1.0f);
    const float nothing = 0;
    cpu::gemm(
        {.M = 2, .N = 3, .K = 0, .a = &nothing, .a_step = 0, .b = &nothing, .b_step = 3, .c = c.data(), .c_step = 3});
    EXPECT_EQ(c, std::vector<float>(6, 0.0f));
}

}  // namespace
}  // namespace moco
