// Cross-entropy and the fused InfoNCE on the CPU against the reference, around vector lengths; memory and ties.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/cpu/on_each_target.h"
#include "tests/reference/losses.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

using reference::Values;

Values wide(const std::vector<float>& values) {
    return Values(values.begin(), values.end());
}

struct LossAndCorrect {
    float loss = 0, correct = 0;
};

TEST(CpuCrossEntropy, AgreesWithTheReference) {
    on_each_target([] {
        for (const int64_t columns : {1, 3, 15, 16, 17, 33, 5000})
            for (const int64_t rows : {1, 6, 37}) {
                SCOPED_TRACE(fmt::format("{} x {}", rows, columns));
                auto logits = formula_values(rows * columns, 1);
                for (float& v : logits) v *= 10;
                std::vector<int64_t> targets;
                for (int64_t r = 0; r < rows; ++r) targets.push_back(r * 5 % columns);
                for (int64_t r = 0; r < rows; r += 3)
                    logits[static_cast<size_t>(r * columns + targets[static_cast<size_t>(r)])] = 20;
                std::vector<float> log_sum(targets.size()), dlogits(logits.size());
                LossAndCorrect got;
                const float dloss = 0.7f;
                cpu().cross_entropy_forward({rows, columns}, logits.data(), targets.data(), &got.loss, log_sum.data(),
                                            &got.correct);
                cpu().cross_entropy_backward({rows, columns}, logits.data(), targets.data(), log_sum.data(), &dloss,
                                             dlogits.data());
                const auto expected = reference::cross_entropy({rows, columns}, wide(logits), targets);
                EXPECT_NEAR(got.loss, expected.value, 1e-6 * (1 + std::abs(expected.value)));
                EXPECT_EQ(got.correct, static_cast<float>(expected.correct));
                if (columns > 1) {  // of a single class the gradient is zero but for rounding
                    EXPECT_LT(error_over_rms(dlogits, reference::cross_entropy_backward({rows, columns}, wide(logits),
                                                                                        targets, dloss)),
                              1e-5);
                }
            }
    });
}

TEST(CpuCrossEntropy, IsStableForLargeLogitsAndKeepsANan) {
    on_each_target([] {
        std::vector<float> logits = {1e4f, 1e4f - 1, -1e4f};
        const int64_t target = 0;
        float log_sum = 0;
        LossAndCorrect got;
        cpu().cross_entropy_forward({1, 3}, logits.data(), &target, &got.loss, &log_sum, &got.correct);
        EXPECT_NEAR(got.loss, std::log1p(std::exp(-1.0)), 1e-6);
        logits[1] = NAN;
        cpu().cross_entropy_forward({1, 3}, logits.data(), &target, &got.loss, &log_sum, &got.correct);
        EXPECT_TRUE(std::isnan(got.loss));
    });
}

/// Rows of length 1, as queries, keys and queue are.
std::vector<float> unit_rows(int64_t rows, int64_t columns, uint32_t salt) {
    auto x = formula_values(rows * columns, salt);
    std::vector<float> y(x.size()), norm(static_cast<size_t>(rows));
    cpu().l2_normalize_forward(x.data(), y.data(), norm.data(), rows, columns);
    return y;
}

struct InfoNce {
    InfoNceDims d;
    std::vector<float> q, k, queue, positive, log_sum, weighted, dq, dk;
    LossAndCorrect got;

    explicit InfoNce(const InfoNceDims& dims)
        : d(dims),
          q(unit_rows(d.N, d.C, 1)),
          k(unit_rows(d.N, d.C, 2)),
          queue(unit_rows(d.K, d.C, 3)),
          positive(static_cast<size_t>(d.N)),
          log_sum(positive.size()),
          weighted(q.size() + positive.size()),
          dq(q.size()),
          dk(q.size()) {}

    void forward() { forward(weighted.data()); }
    void forward(float* weighted_or_null) {
        cpu().info_nce_forward(d, q.data(), k.data(), queue.data(), &got.loss, positive.data(), log_sum.data(),
                               &got.correct, weighted_or_null);
    }
    void backward(float dloss, float* dk_or_null) {
        cpu().info_nce_backward(d, q.data(), k.data(), queue.data(), positive.data(), log_sum.data(), weighted.data(),
                                &dloss, dq.data(), dk_or_null);
    }
};

TEST(CpuInfoNce, AgreesWithTheReference) {
    on_each_target([] {
        for (const InfoNceDims& d :
             {InfoNceDims{1, 1, 1, 0.5f}, InfoNceDims{3, 3, 15, 0.2f}, InfoNceDims{15, 16, 16, 0.1f},
              InfoNceDims{16, 17, 33, 0.07f}, InfoNceDims{33, 32, 1000, 0.07f}, InfoNceDims{17, 128, 2500, 0.2f},
              InfoNceDims{130, 16, 2049, 1.0f},
              InfoNceDims{5, 16, 10000, 0.07f}}) {  // the last: tiles with growing maxima
            SCOPED_TRACE(fmt::format("N {} C {} K {} T {}", d.N, d.C, d.K, d.T));
            InfoNce run(d);
            // Some keys next to their queries, so that some positives win.
            for (size_t i = 0; i < run.k.size() / 2; ++i) run.k[i] = run.q[i];
            run.forward();
            run.backward(0.7f, run.dk.data());
            const auto expected = reference::info_nce(d, wide(run.q), wide(run.k), wide(run.queue));
            const auto gradients = reference::info_nce_backward(d, wide(run.q), wide(run.k), wide(run.queue), 0.7);
            EXPECT_NEAR(run.got.loss, expected.value, 1e-6 * (1 + expected.value));
            EXPECT_EQ(run.got.correct, static_cast<float>(expected.correct));
            EXPECT_LT(error_over_rms(run.dq, gradients.dq), 1e-5);
            EXPECT_LT(error_over_rms(run.dk, gradients.dk), 1e-5);
            const auto dq = run.dq;
            run.backward(0.7f, nullptr);
            EXPECT_EQ(run.dq, dq);
            const LossAndCorrect with_weights = run.got;
            run.forward(nullptr);
            EXPECT_EQ(run.got.loss, with_weights.loss);
            EXPECT_EQ(run.got.correct, with_weights.correct);
        }
    });
}

TEST(CpuInfoNce, AKeyThatIsInTheQueueTiesAndIsNotCorrect) {
    on_each_target([] {
        InfoNce run({5, 33, 300, 0.07f});
        run.k = run.q;
        run.forward();
        EXPECT_EQ(run.got.correct, 5);
        std::copy_n(run.k.begin() + 2 * 33, 33, run.queue.begin() + 250 * 33);
        run.forward();
        EXPECT_EQ(run.got.correct, 4);
    });
}

TEST(CpuInfoNce, KeepsItsDigitsWhenTheLossIsSmall) {
    on_each_target([] {
        InfoNce run({8, 16, 64, 0.05f});
        run.k = run.q;
        for (float& v : run.queue) v *= 0.1f;
        run.forward();
        run.backward(1, run.dk.data());
        const auto expected = reference::info_nce(run.d, wide(run.q), wide(run.k), wide(run.queue));
        const auto gradients = reference::info_nce_backward(run.d, wide(run.q), wide(run.k), wide(run.queue), 1);
        ASSERT_LT(expected.value, 1e-5);
        EXPECT_NEAR(run.got.loss / expected.value, 1, 1e-5);
        EXPECT_LT(error_over_rms(run.dk, gradients.dk), 1e-5);
    });
}

TEST(CpuInfoNce, ANanInAQueryReachesTheLoss) {
    on_each_target([] {
        InfoNce run({3, 16, 200, 0.1f});
        run.q[20] = NAN;
        run.forward();
        EXPECT_TRUE(std::isnan(run.got.loss));
    });
}

TEST(CpuInfoNce, NeedsLessThan8MiB) {
    const InfoNceDims d{256, 128, 65536, 0.07f};
    const std::vector<float> q(static_cast<size_t>(d.N * d.C), 0.01f), queue(static_cast<size_t>(d.K * d.C), 0.01f);
    std::vector<float> positive(256), log_sum(256), weighted(q.size() + 256), dq(q.size()), dk(q.size());
    const float dloss = 1;
    LossAndCorrect got;
    cpu::MemoryPool& pool = cpu_backend().memory();
    const size_t before = pool.bytes_in_use();
    pool.reset_peak();
    cpu().info_nce_forward(d, q.data(), q.data(), queue.data(), &got.loss, positive.data(), log_sum.data(),
                           &got.correct, weighted.data());
    cpu().info_nce_backward(d, q.data(), q.data(), queue.data(), positive.data(), log_sum.data(), weighted.data(),
                            &dloss, dq.data(), dk.data());
    // Products keep a packed block besides, 256 x 128 floats a thread at these sizes.
    EXPECT_LT(pool.peak_bytes() - before, (size_t{8} << 20) - 16 * 256 * 128 * sizeof(float));
    EXPECT_NEAR(got.loss, std::log(65537.0), 1e-4);
}

}  // namespace
}  // namespace moco::testing
