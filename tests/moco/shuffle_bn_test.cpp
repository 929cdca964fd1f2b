// Shuffling: a permutation there and back, on one process and across ranks.
#include "moco/shuffle_bn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "tests/support/message.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

using ::testing::HasSubstr;

TEST(ShuffleBn, OrdersArePermutationsOfTheirOwn) {
    std::set<ShuffleOrder> seen;
    for (const auto& [seed, epoch, step, view] : {std::tuple<uint64_t, int64_t, int64_t, int>{1, 0, 0, 0},
                                                  {2, 0, 0, 0},
                                                  {1, 1, 0, 0},
                                                  {1, 0, 1, 0},
                                                  {1, 0, 0, 1}}) {
        ShuffleOrder order = draw_shuffle_order(64, seed, epoch, step, view);
        EXPECT_EQ(order, draw_shuffle_order(64, seed, epoch, step, view));
        EXPECT_TRUE(seen.insert(order).second);
        std::sort(order.begin(), order.end());
        for (int64_t i = 0; i < 64; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
    }
}

TEST(ShuffleBn, OneProcessPermutesTheWholeBatch) {
    SingleProcess comm;
    const Tensor x = Tensor::from_host(std::vector<float>{0, 1, 10, 11, 20, 21}, {3, 1, 2, 1}, cpu());
    const PlacedOrder order = place_order({2, 0, 1}, 3, comm, cpu());
    const Tensor shuffled = shuffle_batch(x, order, comm);
    EXPECT_EQ(shuffled.shape(), x.shape());
    EXPECT_EQ(shuffled.to_vector(), (std::vector<float>{20, 21, 0, 1, 10, 11}));
    EXPECT_EQ(unshuffle_batch(shuffled, order, comm).to_vector(), x.to_vector());
    // No order: nothing moves, nothing is copied.
    EXPECT_EQ(shuffle_batch(x, {}, comm).data(), x.data());
    EXPECT_EQ(unshuffle_batch(x, {}, comm).data(), x.data());
}

TEST(ShuffleBn, RanksExchangeTheirRowsAndGetThemBack) {
    const int ranks = 3;
    const int64_t N = 4, C = 5;
    const ShuffleOrder order = draw_shuffle_order(ranks * N, 3, 0, 0, 0);
    std::mutex mutex;
    run_on_threads(ranks, [&](Communicator& comm) {
        Backend& backend = cpu();
        const auto salt = static_cast<uint32_t>(comm.rank());
        const Tensor own = formula_tensor({N, C}, salt, backend);
        const Tensor shuffled = shuffle_batch(own, place_order(order, N, comm, backend), comm);
        const std::lock_guard lock(mutex);
        for (int64_t n = 0; n < N; ++n) {
            const int64_t source = order[static_cast<size_t>(comm.rank() * N + n)];
            const Tensor theirs = formula_tensor({N, C}, static_cast<uint32_t>(source / N), backend);
            EXPECT_EQ(shuffled.rows(n, n + 1).to_vector(), theirs.rows(source % N, source % N + 1).to_vector());
        }
    });
    run_on_threads(ranks, [&](Communicator& comm) {
        Backend& backend = cpu();
        const Tensor own = formula_tensor({N, C}, static_cast<uint32_t>(comm.rank()), backend);
        const PlacedOrder placed = place_order(order, N, comm, backend);
        const Tensor back = unshuffle_batch(shuffle_batch(own, placed, comm), placed, comm);
        const std::lock_guard lock(mutex);
        EXPECT_EQ(back.to_vector(), own.to_vector());
    });
}

TEST(ShuffleBn, RefusesWhatIsNoPermutation) {
    SingleProcess comm;
    for (const ShuffleOrder& order : {ShuffleOrder{0, 1}, {0, 1, 1}, {0, 1, 3}, {-1, 0, 1}, {0, 1, 2, 3}}) {
        EXPECT_THAT(message_of([&] { place_order(order, 3, comm, cpu()); }),
                    HasSubstr("is no permutation of the 3 rows"));
    }
}

}  // namespace
}  // namespace moco::testing
