// The queue: its first keys, what enqueue overwrites, and batches that do not divide it.
#include "moco/queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "core/random.h"
#include "tests/support/message.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

using ::testing::HasSubstr;

class KeyQueueTest : public EachBackend {};

TEST_P(KeyQueueTest, StartsWithRandomUnitRows) {
    const int64_t K = 300, C = 24;
    const std::vector<float> keys = KeyQueue(K, C, 5, backend()).keys().to_vector();
    double mean = 0;
    for (int64_t row = 0; row < K; ++row) {
        double squares = 0;
        for (int64_t c = 0; c < C; ++c) {
            const double value = keys[static_cast<size_t>(row * C + c)];
            squares += value * value, mean += value;
        }
        EXPECT_NEAR(squares, 1, 1e-6);
    }
    // 7200 numbers of standard deviation 1 / sqrt(24): the mean's is 0.0024.
    EXPECT_NEAR(mean / static_cast<double>(K * C), 0, 0.01);

    // A row is its own stream: the documented draws, whatever K.
    Random random(5, Purpose::queue, 0, 7);
    const float first = random.normal(), second = random.normal();
    EXPECT_NEAR(keys[7 * 24] / keys[7 * 24 + 1], first / second, 1e-4 * std::abs(first / second));
    const std::vector<float> fewer = KeyQueue(10, C, 5, backend()).keys().to_vector();
    EXPECT_TRUE(std::equal(fewer.begin(), fewer.end(), keys.begin()));
    EXPECT_NE(KeyQueue(K, C, 6, backend()).keys().to_vector(), keys);
}

TEST_P(KeyQueueTest, OverwritesTheOldestForAnyKAndN) {
    const int64_t C = 3;
    for (const auto& [K, N] : {std::pair<int64_t, int64_t>{8, 4}, {8, 8}, {7, 3}, {7, 7}, {7, 1}, {1, 1}, {5, 4}}) {
        SCOPED_TRACE(fmt::format("K = {}, N = {}", K, N));
        KeyQueue queue(K, C, 0, backend());
        DeviceMethodState state(backend());
        std::vector<float> expected = queue.keys().to_vector();
        int64_t next = 0;
        for (int step = 0; step < 5; ++step) {
            const uint64_t version = queue.keys().version();
            const Tensor keys = formula_tensor({N, C}, static_cast<uint32_t>(step), backend());
            const std::vector<float> values = keys.to_vector();
            for (int64_t n = 0; n < N; ++n, next = (next + 1) % K) {
                for (int64_t c = 0; c < C; ++c) {
                    expected[static_cast<size_t>(next * C + c)] = values[static_cast<size_t>(n * C + c)];
                }
            }
            state.set({0, queue.pointer()});
            queue.enqueue(keys, state);
            EXPECT_EQ(queue.keys().to_vector(), expected);
            EXPECT_EQ(queue.pointer(), next);
            EXPECT_GT(queue.keys().version(), version);
        }
    }
}

TEST_P(KeyQueueTest, RefusesWhatDoesNotFit) {
    KeyQueue queue(4, 3, 0, backend());
    DeviceMethodState state(backend());
    const auto enqueue = [&](const Shape& shape) {
        return message_of([&] { queue.enqueue(formula_tensor(shape, 1, backend()), state); });
    };
    EXPECT_THAT(enqueue({5, 3}), HasSubstr("keys of shape 5x3 do not fit into the queue of shape 4x3"));
    EXPECT_THAT(enqueue({4, 2}), HasSubstr("keys of shape 4x2 do not fit"));
    state.set({0, 2});
    EXPECT_THAT(enqueue({4, 3}), HasSubstr("the step state points at row 2, the queue at row 0"));
    EXPECT_THAT(message_of([&] { KeyQueue(0, 3, 0, backend()); }), HasSubstr("must be at least 1"));
}

MOCO_FOR_EACH_BACKEND(KeyQueueTest);

}  // namespace
}  // namespace moco::testing
