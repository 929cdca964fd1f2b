// The fused InfoNCE on the device against the reference.
#include <algorithm>
#include <cmath>

#include "tests/cuda/support.h"
#include "tests/reference/losses.h"

namespace moco::cuda::testing {
namespace {

using reference::Values;

class CudaInfoNce : public OnDevice {};

/// Rows of length 1, as queries, keys and queue are.
std::vector<float> unit_rows(int64_t rows, int64_t columns, uint32_t salt) {
    std::vector<float> x = formula_values(rows * columns, salt);
    for (auto row = x.begin(); row != x.end(); row += columns) {
        double square = 0;
        for (auto v = row; v != row + columns; ++v) square += static_cast<double>(*v) * *v;
        for (auto v = row; v != row + columns; ++v) *v = static_cast<float>(*v / std::sqrt(square));
    }
    return x;
}

struct Outcome {
    float loss, correct;
    std::vector<float> positive, log_sum, dq, dk;
};

/// Inputs on the host, and what the device makes of them.
struct InfoNce {
    InfoNceDims d;
    std::vector<float> q, k, queue;

    explicit InfoNce(const InfoNceDims& dims)
        : d(dims), q(unit_rows(d.N, d.C, 1)), k(unit_rows(d.N, d.C, 2)), queue(unit_rows(d.K, d.C, 3)) {}

    enum class Keys { with_gradient, without_gradient };

    Outcome run(float dloss_value = 1, Keys keys = Keys::with_gradient) const {
        const DeviceArray<float> q_device(q), k_device(k), queue_device(queue), dloss(std::vector<float>{dloss_value});
        DeviceArray<float> loss(1), correct(1), positive(d.N), log_sum(d.N), dq(d.N * d.C), dk(d.N * d.C),
            weighted(d.N * (d.C + 1));
        device().info_nce_forward(d, q_device.data(), k_device.data(), queue_device.data(), loss.data(),
                                  positive.data(), log_sum.data(), correct.data(), weighted.data());
        device().info_nce_backward(d, q_device.data(), k_device.data(), queue_device.data(), positive.data(),
                                   log_sum.data(), weighted.data(), dloss.data(), dq.data(),
                                   keys == Keys::with_gradient ? dk.data() : nullptr);
        return {loss.host()[0], correct.host()[0], positive.host(),
                log_sum.host(), dq.host(),         keys == Keys::with_gradient ? dk.host() : std::vector<float>()};
    }
    reference::LossResult expected() const { return reference::info_nce(d, doubles(q), doubles(k), doubles(queue)); }
    reference::InfoNceGradients expected_gradients(double dloss) const {
        return reference::info_nce_backward(d, doubles(q), doubles(k), doubles(queue), dloss);
    }
};

/// A logit is a dot product of two rows of length 1, over T: of size 1 / sqrt(C) where they are unrelated, of 1 where
/// not. Its rounding becomes the relative error of a probability, and the error of the loss.
double logit_error_of(const InfoNceDims& d) {
    return (sum_of(d.C) / std::sqrt(static_cast<double>(d.C)) + 8 * kEpsilon) / d.T;
}

void compare(const InfoNceDims& d) {
    SCOPED_TRACE(fmt::format("N {} C {} K {} T {}", d.N, d.C, d.K, d.T));
    InfoNce run(d);
    std::copy_n(run.q.begin(), d.N / 2 * d.C, run.k.begin());  // some positives win
    const Outcome got = run.run(0.7f);
    const reference::LossResult expected = run.expected();
    const reference::InfoNceGradients gradients = run.expected_gradients(0.7f);
    EXPECT_NEAR(got.loss, expected.value, logit_error_of(d) * (1 + expected.value));
    EXPECT_EQ(got.correct, static_cast<float>(expected.correct));
    EXPECT_LE(error_over_rms(got.dq, gradients.dq), logit_error_of(d));
    EXPECT_LE(error_over_rms(got.dk, gradients.dk), logit_error_of(d));
}

TEST_F(CudaInfoNce, AgreesAroundTheTileOfKeys) {  // 128 keys
    for (const int64_t K : {1, 2, 127, 128, 129, 255, 256, 300}) compare({5, 16, K, 0.2f});
}

TEST_F(CudaInfoNce, AgreesAroundTheTilesOfQueries) {  // 4 or 8 a thread, 32 or 64 a block
    for (const int64_t N : {1, 3, 4, 5, 31, 32, 33, 63, 64, 65, 129}) compare({N, 8, 40, 0.1f});
}

TEST_F(CudaInfoNce, AgreesAroundTheDepth) {  // 16 channels at a time; 128 columns of dq
    for (const int64_t C : {1, 2, 3, 4, 15, 16, 17, 32, 33, 127, 128, 129, 132, 257}) compare({3, C, 37, 0.2f});
}

TEST_F(CudaInfoNce, AgreesWithWideBlocksAndOddChannels) {
    compare({65, 33, 131, 0.07f});
    compare({40, 36, 131, 1.0f});
}

TEST_F(CudaInfoNce, AgreesWhereASliceHasSeveralTiles) {
    // At most 512 slices for one block of queries: 513 tiles are 2 a slice, and the last slice has one.
    compare({1, 3, 512 * 128 + 1, 0.5f});
}

TEST_F(CudaInfoNce, AKeyThatIsInTheQueueTiesAndIsNotCorrect) {
    for (const int64_t C : {4, 33, 128}) {
        SCOPED_TRACE(C);
        InfoNce run({5, C, 300, 0.07f});
        run.k = run.q;
        EXPECT_EQ(run.run().correct, 5);
        std::copy_n(run.k.begin() + 2 * C, C, run.queue.begin() + 250 * C);
        EXPECT_EQ(run.run().correct, 4);
    }
}

TEST_F(CudaInfoNce, KeepsItsDigitsWhenTheLossIsSmall) {
    InfoNce run({8, 16, 64, 0.05f});
    run.k = run.q;
    for (float& v : run.queue) v *= 0.1f;
    const Outcome got = run.run();
    const reference::LossResult expected = run.expected();
    ASSERT_LT(expected.value, 1e-5);
    EXPECT_NEAR(got.loss / expected.value, 1, 2e-5);
    EXPECT_LE(error_over_rms(got.dk, run.expected_gradients(1).dk), 2e-5);
}

TEST_F(CudaInfoNce, AVeryColdTemperatureStaysFinite) {
    const Outcome got = InfoNce({8, 16, 100, 0.002f}).run();  // logits of +-500
    EXPECT_TRUE(std::isfinite(got.loss));
    for (const float value : got.dq) ASSERT_TRUE(std::isfinite(value));
}

TEST_F(CudaInfoNce, AnIdenticalQueueIsAtChanceLevel) {
    InfoNce run({5, 16, 1000, 0.2f});
    for (std::vector<float>* rows : {&run.q, &run.k, &run.queue})
        for (size_t i = 0; i < rows->size(); ++i) (*rows)[i] = run.q[i % 16];
    EXPECT_NEAR(run.run().loss, std::log(1001.0), 1e-5);
    EXPECT_EQ(run.run().correct, 0);
}

TEST_F(CudaInfoNce, KeysNeedNoGradient) {
    const InfoNce run({9, 20, 200, 0.1f});
    EXPECT_EQ(run.run(0.3f, InfoNce::Keys::without_gradient).dq, run.run(0.3f).dq);
}

TEST_F(CudaInfoNce, TheSameBitsEveryTime) {
    const InfoNce run({33, 24, 1000, 0.07f});
    const Outcome first = run.run(), second = run.run();
    EXPECT_EQ(first.loss, second.loss);
    EXPECT_EQ(first.log_sum, second.log_sum);
    EXPECT_EQ(first.dq, second.dq);
    EXPECT_EQ(first.dk, second.dk);
}

TEST_F(CudaInfoNce, WritesThePositivesAndTheLogSums) {
    const InfoNce run({6, 12, 150, 0.2f});
    const Outcome got = run.run();
    for (int64_t n = 0; n < 6; ++n) {
        const auto logit = [&](const std::vector<float>& keys, int64_t j) {
            double dot = 0;
            for (int64_t c = 0; c < 12; ++c)
                dot +=
                    static_cast<double>(run.q[static_cast<size_t>(n * 12 + c)]) * keys[static_cast<size_t>(j * 12 + c)];
            return dot / 0.2f;
        };
        double sum = std::exp(logit(run.k, n));
        for (int64_t j = 0; j < 150; ++j) sum += std::exp(logit(run.queue, j));
        EXPECT_NEAR(got.positive[static_cast<size_t>(n)], logit(run.k, n), logit_error_of(run.d));
        EXPECT_NEAR(got.log_sum[static_cast<size_t>(n)], std::log(sum), logit_error_of(run.d) + 8 * kEpsilon);
    }
}

TEST_F(CudaInfoNce, ANanReachesTheLoss) {
    for (const size_t place : {size_t{20}, size_t{0}, size_t{47}}) {
        InfoNce run({3, 16, 200, 0.1f});
        run.q[place] = NAN;
        EXPECT_TRUE(std::isnan(run.run().loss));
    }
    InfoNce run({3, 16, 200, 0.1f});
    run.queue[199 * 16 + 15] = NAN;
    EXPECT_TRUE(std::isnan(run.run().loss));
}

}  // namespace
}  // namespace moco::cuda::testing
