// Run folders: one writer each, and nothing left of a run that never began.
#include "moco/train/run_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "tests/moco/runs.h"
#include "tests/support/expect_error.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;

TEST(RunLock, HasOneHolder) {
    const TempFolder folder;
    {
        const RunLock lock(folder.path());
        EXPECT_NE(read_bytes(folder / "lock").find(fmt::format("process {} on ", ::getpid())), std::string::npos);
        expect_error([&] { RunLock second(folder.path()); },
                     {folder.path().string() + " is being written", fmt::format("process {} on ", ::getpid())});
        EXPECT_TRUE(fs::exists(folder / "lock"));
    }
    EXPECT_TRUE(fs::is_empty(folder.path()));
    const RunLock again(folder.path());
}

TEST(RunLock, WhatAKilledProcessLeftIsNoLock) {
    const TempFolder folder;
    write_bytes(folder / "lock", "process 1 on a host that is gone since 2020-01-01T00:00:00Z, a long time\n");
    const RunLock lock(folder.path());
    EXPECT_TRUE(read_bytes(folder / "lock").starts_with(fmt::format("process {} on ", ::getpid())));
    EXPECT_EQ(read_bytes(folder / "lock").find("2020"), std::string::npos);
}

/// Does something when the run starts, or after its first step.
class Meddler final : public Watcher {
  public:
    void run_starts(const RunPlan& p) override {
        Watcher::run_starts(p);
        if (at_start) at_start();
    }
    void step_done(const StepReport& report) override {
        Watcher::step_done(report);
        if (at_step) at_step();
    }
    std::function<void()> at_start, at_step;
};

TEST(RunFolder, ASecondRunIsRefusedWhileTheFirstWrites) {
    const TempFolder folder;
    const PretrainSettings config = tiny_run(folder / "run");
    Meddler first;
    int refused = 0;
    first.at_step = [&] {
        if (refused > 0) return;
        Watcher second;
        const std::string writer = fmt::format("process {} on ", ::getpid());
        expect_error([&] { run(config, second); }, {"is being written", writer});
        expect_error([&] { resume(folder / "run", second); }, {"is being written", writer});
        ++refused;
    };
    run(config, first);
    EXPECT_EQ(refused, 1);
    EXPECT_FALSE(fs::exists(folder / "run" / kLockFile));
    Watcher third;
    resume(folder / "run", third);
}

void fail_here() {
    fail("no more");
}

TEST(RunFolder, AFreshRunThatFailsBeforeItsFirstStepLeavesNothing) {
    const TempFolder folder;
    Meddler watcher;
    watcher.at_start = fail_here;
    expect_error([&] { run(tiny_run(folder / "made/for/it"), watcher); }, {"no more"});
    EXPECT_TRUE(fs::is_empty(folder.path()));

    // What was there stays.
    fs::create_directory(folder / "run");
    write_bytes(folder / "run/notes.txt", "mine");
    expect_error([&] { run(tiny_run(folder / "run"), watcher); }, {"no more"});
    EXPECT_EQ(read_bytes(folder / "run/notes.txt"), "mine");
    EXPECT_EQ(std::distance(fs::directory_iterator(folder / "run"), fs::directory_iterator{}), 1);
    Watcher corrected;
    EXPECT_EQ(run(tiny_run(folder / "run"), corrected).end, RunEnd::finished);
}

TEST(RunFolder, AfterTheFirstStepItStays) {
    const TempFolder folder;
    Meddler watcher;
    watcher.at_step = fail_here;
    expect_error([&] { run(tiny_run(folder / "run"), watcher); }, {"no more"});
    EXPECT_TRUE(has_checkpoint(folder / "run"));
    watcher.at_step = nullptr;
    watcher.at_start = fail_here;
    expect_error([&] { resume(folder / "run", watcher); }, {"no more"});
    Watcher on;
    EXPECT_EQ(resume(folder / "run", on).end, RunEnd::finished);
}

TEST(RunFolder, ARefusedFreshRunTouchesNoOthers) {
    const TempFolder folder;
    const PretrainSettings config = tiny_run(folder / "run");
    run(config);
    const std::string bytes = checkpoint_bytes(folder / "run"), settings = read_bytes(folder / "run" / kConfigFile);
    expect_error([&] { run(config); }, {"already holds a run"});
    EXPECT_EQ(checkpoint_bytes(folder / "run"), bytes);
    EXPECT_EQ(read_bytes(folder / "run" / kConfigFile), settings);
    EXPECT_FALSE(fs::exists(folder / "run" / kLockFile));
}

}  // namespace
}  // namespace moco::testing
