#include "core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace moco {
namespace {

class Parallel : public ::testing::TestWithParam<int> {
  protected:
    void SetUp() override { set_threads(GetParam()); }
    void TearDown() override { set_threads(0); }
};

TEST_P(Parallel, EveryItemIsDoneOnceInPiecesCutBySize) {
    for (int64_t count : {0, 1, 7, 8, 9, 1000}) {
        std::vector<std::atomic<int>> done(static_cast<size_t>(count));
        std::mutex mutex;
        std::set<std::pair<int64_t, int64_t>> pieces;
        parallel_for(count, 8, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) ++done[static_cast<size_t>(i)];
            const std::lock_guard lock(mutex);
            pieces.emplace(begin, end);
        });
        for (const auto& times : done) EXPECT_EQ(times, 1);
        EXPECT_EQ(static_cast<int64_t>(pieces.size()), (count + 7) / 8);
        for (auto [begin, end] : pieces) {
            EXPECT_EQ(begin % 8, 0);
            EXPECT_EQ(end, std::min(count, begin + 8));
        }
    }
}

TEST_P(Parallel, FromLastToFirstEveryItemIsDoneOnceToo) {
    for (int64_t count : {1, 9, 1000}) {
        std::vector<std::atomic<int>> done(static_cast<size_t>(count));
        parallel_for(
            count, 8,
            [&](int64_t begin, int64_t end) {
                EXPECT_EQ(begin % 8, 0);
                EXPECT_EQ(end, std::min(count, begin + 8));
                for (int64_t i = begin; i < end; ++i) ++done[static_cast<size_t>(i)];
            },
            PieceOrder::last_to_first);
        for (const auto& times : done) EXPECT_EQ(times, 1);
    }
}

/// The first piece of each thread in a parallel_for of 8: none goes on before all threads have one.
std::set<int64_t> first_pieces(PieceOrder order) {
    std::mutex mutex;
    std::set<std::thread::id> begun;
    std::set<int64_t> first;
    std::atomic<int> threads_in{0};
    parallel_for(
        8, 1,
        [&](int64_t begin, int64_t) {
            {
                const std::lock_guard lock(mutex);
                if (!begun.insert(std::this_thread::get_id()).second) return;
                first.insert(begin);
            }
            ++threads_in;
            while (threads_in < threads()) std::this_thread::yield();
        },
        order);
    return first;
}

TEST_P(Parallel, EachThreadBeginsAtItsEndOfAShareOfItsOwn) {
    std::set<int64_t> first, last;
    for (int64_t i = 0, T = threads(); i < T; ++i) {
        first.insert(8 * i / T);
        last.insert(8 * (i + 1) / T - 1);
    }
    EXPECT_EQ(first_pieces(PieceOrder::first_to_last), first);
    EXPECT_EQ(first_pieces(PieceOrder::last_to_first), last);
}

TEST_P(Parallel, AnExceptionOfAPieceReachesTheCallerOnceNoOtherPieceRuns) {
    std::atomic<int> running{0}, done{0};
    EXPECT_THROW(parallel_for(100, 1,
                              [&](int64_t begin, int64_t) {
                                  if (begin == 13) throw std::runtime_error("thirteen");
                                  ++running;
                                  ++done;
                                  --running;
                              }),
                 std::runtime_error);
    EXPECT_EQ(running, 0);
    EXPECT_GE(done, 13);
    parallel_for(10, 1, [&](int64_t, int64_t) { ++done; });  // the pool still works
    EXPECT_GE(done, 23);
}

TEST_P(Parallel, NestedCallsRunInLine) {
    std::atomic<int> done{0};
    parallel_for(10, 1, [&](int64_t, int64_t) {
        const auto thread = std::this_thread::get_id();
        parallel_for(10, 1, [&](int64_t, int64_t) {
            EXPECT_EQ(std::this_thread::get_id(), thread);
            ++done;
        });
    });
    EXPECT_EQ(done, 100);
}

TEST_P(Parallel, SeveralCallersAtOnce) {
    std::atomic<int64_t> sum{0};
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 4; ++caller) {
        callers.emplace_back([&] {
            for (int round = 0; round < 200; ++round) {
                parallel_for(50, 3, [&](int64_t begin, int64_t end) { sum += end - begin; });
            }
        });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(sum, 4 * 200 * 50);
}

TEST_P(Parallel, TwoAtOnceAreBothDone) {
    std::atomic<int> first{0}, second{0}, begun{0};
    const auto add_to = [&](std::atomic<int>& sum) {
        return [&] {
            // With a thread to spare neither goes on before both have begun.
            for (++begun; threads() > 1 && begun < 2;) std::this_thread::yield();
            for (int round = 0; round < 100; ++round)
                parallel_for(50, 3, [&](int64_t begin, int64_t end) { sum += static_cast<int>(end - begin); });
        };
    };
    parallel_invoke(add_to(first), add_to(second));
    EXPECT_EQ(first, 5000);
    EXPECT_EQ(second, 5000);
}

TEST_P(Parallel, OfTwoAtOnceTheSecondRunsOnTheCaller) {
    const auto caller = std::this_thread::get_id();
    parallel_invoke([] {}, [&] { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST_P(Parallel, TwoAtOnceWhereEveryThreadIsBusy) {
    std::atomic<int> done{0};
    parallel_for(10, 1, [&](int64_t, int64_t) { parallel_invoke([&] { ++done; }, [&] { ++done; }); });
    parallel_invoke([&] { parallel_invoke([&] { ++done; }, [&] { ++done; }); },
                    [&] { parallel_invoke([&] { ++done; }, [&] { ++done; }); });
    EXPECT_EQ(done, 24);
}

TEST_P(Parallel, AnExceptionOfOneOfTwoComesWhenBothAreDone) {
    std::atomic<int> done{0};
    const auto fails = [] { throw std::runtime_error("it"); };
    const auto counts = [&] { parallel_for(10, 1, [&](int64_t, int64_t) { ++done; }); };
    if (threads() > 1) {
        EXPECT_THROW(parallel_invoke(fails, counts), std::runtime_error);
        EXPECT_EQ(done, 10);
    }
    done = 0;
    EXPECT_THROW(parallel_invoke(counts, fails), std::runtime_error);
    EXPECT_EQ(done, 10);
    parallel_invoke(counts, counts);  // the pool still works
    EXPECT_EQ(done, 30);
}

INSTANTIATE_TEST_SUITE_P(Threads, Parallel, ::testing::Values(1, 2, 4));

TEST(PartialGrain, CutsIntoAtMostSixteenPieces) {
    for (int64_t count : {1, 15, 16, 17, 31, 32, 33, 1000, 1001}) {
        const int64_t grain = partial_grain(count);
        EXPECT_LE((count + grain - 1) / grain, kMaxPartials) << count;
    }
}

}  // namespace
}  // namespace moco
