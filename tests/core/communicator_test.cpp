#include "core/communicator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_backend.h"

namespace moco {
namespace {

using ::testing::ElementsAre;

TEST(Communicator, GathersRowsInRankOrder) {
    run_on_threads(3, [](Communicator& comm) {
        const float r = static_cast<float>(comm.rank());
        const Tensor mine = Tensor::from_host<float>({r, r + 10, r + 20, r + 30}, {2, 2}, testing::cpu());
        const Tensor all = comm.all_gather_rows(mine);
        EXPECT_EQ(all.shape(), (Shape{6, 2}));
        EXPECT_THAT(all.to_vector(), ElementsAre(0, 10, 20, 30, 1, 11, 21, 31, 2, 12, 22, 32));
    });
}

TEST(Communicator, AveragesToTheSameBitsOnEveryRank) {
    run_on_threads(4, [](Communicator& comm) {
        for (int round = 0; round < 50; ++round) {
            Tensor values = Tensor::full({3}, static_cast<float>(comm.rank() + round), testing::cpu());
            comm.all_reduce_mean(values);
            EXPECT_THAT(values.to_vector(), ElementsAre(1.5f + round, 1.5f + round, 1.5f + round));
        }
    });
}

TEST(Communicator, BroadcastsFromRankZero) {
    run_on_threads(3, [](Communicator& comm) {
        Tensor values = Tensor::full({2}, static_cast<float>(comm.rank() + 5), testing::cpu());
        comm.broadcast(values);
        EXPECT_THAT(values.to_vector(), ElementsAre(5, 5));
    });
}

TEST(Communicator, AFailingRankEndsTheOthersAndItsErrorIsTheOneReported) {
    try {
        run_on_threads(3, [](Communicator& comm) {
            if (comm.rank() == 1) fail("rank one is out of memory");
            Tensor values = Tensor::full({1}, 1, testing::cpu());
            comm.all_reduce_mean(values);
        });
        FAIL() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "rank one is out of memory");
    }
}

TEST(Communicator, OneProcessIsItsOwnCompany) {
    SingleProcess comm;
    Tensor values = Tensor::full({2, 1}, 3, testing::cpu());
    comm.all_reduce_mean(values);
    EXPECT_THAT(comm.all_gather_rows(values).to_vector(), ElementsAre(3, 3));
    EXPECT_EQ(comm.size(), 1);
}

}  // namespace
}  // namespace moco
