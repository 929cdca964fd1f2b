// Cross-entropy on the device against the reference.
#include <cmath>

#include "tests/cuda/support.h"
#include "tests/reference/losses.h"

namespace moco::cuda::testing {
namespace {

class CudaCrossEntropy : public OnDevice {};

// Around the warp, what a warp and what a block loads at once, and several of that.
const std::vector<int64_t> kColumns = {1, 2, 31, 32, 33, 127, 128, 129, 1000, 1024, 1025, 3000};
const std::vector<int64_t> kRows = {1, 3, 31, 33};

std::vector<float> times(std::vector<float> values, float factor) {
    for (float& v : values) v *= factor;
    return values;
}

std::vector<int64_t> targets_of(int64_t rows, int64_t columns) {
    std::vector<int64_t> targets;
    for (int64_t r = 0; r < rows; ++r) targets.push_back(r * 5 % columns);
    return targets;
}

/// Logits on the device, what forward makes of them, and the gradient.
struct CrossEntropy {
    int64_t rows, columns;
    DeviceArray<float> logits;
    DeviceArray<int64_t> targets;
    DeviceArray<float> loss{1}, correct{1}, log_sum, dlogits;

    CrossEntropy(const std::vector<float>& values, const std::vector<int64_t>& of_rows)
        : rows(static_cast<int64_t>(of_rows.size())),
          columns(static_cast<int64_t>(values.size()) / rows),
          logits(values),
          targets(of_rows),
          log_sum(rows),
          dlogits(rows * columns) {}

    float forward() {
        device().cross_entropy_forward({rows, columns}, logits.data(), targets.data(), loss.data(), log_sum.data(),
                                       correct.data());
        return loss.host()[0];
    }
    std::vector<float> backward(float dloss) {
        const DeviceArray<float> dloss_device(std::vector<float>{dloss});
        device().cross_entropy_backward({rows, columns}, logits.data(), targets.data(), log_sum.data(),
                                        dloss_device.data(), dlogits.data());
        return dlogits.host();
    }
};

void compare(int64_t rows, int64_t columns, float factor) {
    SCOPED_TRACE(fmt::format("{} x {} times {}", rows, columns, factor));
    std::vector<float> logits = times(formula_values(rows * columns, 1), factor);
    const std::vector<int64_t> targets = targets_of(rows, columns);
    for (size_t r = 0; r < targets.size(); r += 3)  // some rows are right
        logits[r * static_cast<size_t>(columns) + static_cast<size_t>(targets[r])] = 1.1f * factor;
    CrossEntropy run(logits, targets);
    const auto expected = reference::cross_entropy({rows, columns}, doubles(logits), targets);
    EXPECT_NEAR(run.forward(), expected.value, (sum_of(rows) + sum_of(1)) * (1 + expected.value));
    EXPECT_EQ(run.correct.host()[0], static_cast<float>(expected.correct));
    const std::vector<float> dlogits = run.backward(0.7f);
    if (columns > 2) {
        EXPECT_LE(
            error_over_rms(dlogits, reference::cross_entropy_backward({rows, columns}, doubles(logits), targets, 0.7f)),
            sum_of(columns) + 8 * factor * kEpsilon);
    }
}

TEST_F(CudaCrossEntropy, AgreesWithTheReference) {
    for (const int64_t columns : kColumns)
        for (const int64_t rows : kRows) compare(rows, columns, 1);
}

TEST_F(CudaCrossEntropy, AgreesWhereLogitsAreFarApart) {
    for (const int64_t columns : kColumns) compare(5, columns, 14);
}

TEST_F(CudaCrossEntropy, ManyRows) {
    compare(600, 5, 3);
}

TEST_F(CudaCrossEntropy, OneClassIsCertain) {
    CrossEntropy run(times(formula_values(5, 1), 10), {0, 0, 0, 0, 0});
    EXPECT_EQ(run.forward(), 0);
    EXPECT_EQ(run.correct.host()[0], 5);
    EXPECT_EQ(run.backward(1), std::vector<float>(5, 0.0f));
}

TEST_F(CudaCrossEntropy, CountsStrictMaximaAtTheTarget) {
    CrossEntropy run(
        {
            1, 2, 2,    // a tie: wrong
            3, 1, 2,    // right
            0, 5, 4,    // wrong
            7, 7, 7,    // a tie: wrong
            -3, -2, -1  // right
        },
        {1, 0, 2, 0, 2});
    run.forward();
    EXPECT_EQ(run.correct.host()[0], 2);
}

TEST_F(CudaCrossEntropy, LargeLogitsNeitherOverflowNorVanish) {
    CrossEntropy run({1e4f, -1e4f, 0, 1e4f, -1e4f, 0}, {0, 1});
    EXPECT_FLOAT_EQ(run.forward(), 1e4f);  // (0 + 2e4) / 2
    EXPECT_EQ(run.backward(1), (std::vector<float>{0, 0, 0, 0.5f, -0.5f, 0}));
}

TEST_F(CudaCrossEntropy, KeepsItsDigitsWhenTheLossIsSmall) {
    std::vector<float> logits = formula_values(4 * 50, 1);
    const std::vector<int64_t> targets = targets_of(4, 50);
    for (size_t r = 0; r < 4; ++r) logits[r * 50 + static_cast<size_t>(targets[r])] = 18;
    CrossEntropy run(logits, targets);
    const auto expected = reference::cross_entropy({4, 50}, doubles(logits), targets);
    ASSERT_LT(expected.value, 2e-6);
    EXPECT_NEAR(run.forward() / expected.value, 1, 1e-5);
    EXPECT_LE(error_over_rms(run.backward(1), reference::cross_entropy_backward({4, 50}, doubles(logits), targets, 1)),
              1e-5);
}

TEST_F(CudaCrossEntropy, ANanOrAnInfinityReachesTheLoss) {
    for (const size_t place : {size_t{0}, size_t{1}, size_t{39}}) {  // the target and others
        std::vector<float> logits = formula_values(40, 1);
        logits[place] = NAN;
        EXPECT_TRUE(std::isnan(CrossEntropy(logits, {0}).forward())) << place;
    }
    EXPECT_TRUE(std::isnan(CrossEntropy({0, INFINITY, 0}, {0}).forward()));
    EXPECT_FLOAT_EQ(CrossEntropy({0, -INFINITY, 0}, {0}).forward(), std::log(2.0f));
}

}  // namespace
}  // namespace moco::cuda::testing
