// Work memory that a thread keeps: what a job filled, and what ends it.
#include "cpu/scratch.h"

#include <gtest/gtest.h>

#include <thread>

namespace moco {
namespace {

using cpu::new_job;
using cpu::scratch;
using cpu::scratch_of_job;
using cpu::ScratchUse;

constexpr ScratchUse kUse = ScratchUse::winograd_weight;

TEST(CpuScratch, AJobFillsItsMemoryOnce) {
    const uint64_t job = new_job();
    const auto first = scratch_of_job(kUse, 100, job);
    EXPECT_FALSE(first.filled);
    first.memory[99] = 5;
    const auto second = scratch_of_job(kUse, 100, job);
    EXPECT_TRUE(second.filled);
    EXPECT_EQ(second.memory[99], 5);
}

TEST(CpuScratch, AnotherUseOfTheMemoryEndsWhatAJobFilled) {
    const uint64_t job = new_job();
    scratch_of_job(kUse, 100, job);
    scratch(kUse, 10);
    EXPECT_FALSE(scratch_of_job(kUse, 100, job).filled);
    scratch_of_job(kUse, 100, new_job());
    EXPECT_FALSE(scratch_of_job(kUse, 100, job).filled);
    scratch(ScratchUse::winograd_input, 10);
    EXPECT_TRUE(scratch_of_job(kUse, 100, job).filled) << "other memory";
}

TEST(CpuScratch, LargerMemoryIsNotFilled) {
    const uint64_t job = new_job();
    scratch_of_job(kUse, 100, job);
    EXPECT_FALSE(scratch_of_job(kUse, 1 << 20, job).filled);
}

TEST(CpuScratch, EachThreadFillsItsOwn) {
    const uint64_t job = new_job();
    const auto mine = scratch_of_job(kUse, 100, job);
    std::thread([&] {
        const auto its = scratch_of_job(kUse, 100, job);
        EXPECT_FALSE(its.filled);
        EXPECT_NE(its.memory, mine.memory);
    }).join();
}

}  // namespace
}  // namespace moco
