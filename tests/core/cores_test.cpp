// How many cores a process may use: what it is bound to, and what its control groups grant.
#include "core/cores.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>

#include "core/parallel.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;

/// A file system with what the kernel would show of control groups.
class ControlGroups : public ::testing::Test {
  protected:
    void SetUp() override {
        root_ = fs::temp_directory_path() / ("moco_cores_test." + std::to_string(getpid()));
        fs::remove_all(root_);
    }
    void TearDown() override { fs::remove_all(root_); }

    void write(const fs::path& path, const std::string& text) const {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << text;
    }
    int quota() const { return quota_of_control_groups(root_); }

    fs::path root_;
};

TEST_F(ControlGroups, NoneGrantEverything) {
    EXPECT_EQ(quota(), 0);
}

TEST_F(ControlGroups, OfVersion2TheLeastOnTheWayUpCounts) {
    write("proc/self/cgroup", "0::/slice/job\n");
    write("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
    write("sys/fs/cgroup/slice/job/cpu.max", "max 100000\n");
    EXPECT_EQ(quota(), 0);
    write("sys/fs/cgroup/slice/job/cpu.max", "250000 100000\n");
    EXPECT_EQ(quota(), 3);  // two and a half
    write("sys/fs/cgroup/slice/cpu.max", "100000 100000\n");
    EXPECT_EQ(quota(), 1);
    write("sys/fs/cgroup/slice/cpu.max", "800000 100000\n");
    EXPECT_EQ(quota(), 3);
}

TEST_F(ControlGroups, OfVersion1) {
    write("proc/self/cgroup", "5:cpuset:/other\n4:cpu,cpuacct:/slurm/job_1\n1:name=systemd:/x\n");
    write("proc/self/mountinfo",
          "31 25 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
          "33 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
    const fs::path job = "sys/fs/cgroup/cpu,cpuacct/slurm/job_1";
    write(job / "cpu.cfs_quota_us", "-1\n");
    write(job / "cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(quota(), 0);
    write(job / "cpu.cfs_quota_us", "50000\n");
    EXPECT_EQ(quota(), 1);
    write(job / "cpu.cfs_quota_us", "400000\n");
    EXPECT_EQ(quota(), 4);
}

// Docker with version 1: the process' group is the host's, and what is mounted is that group.
TEST_F(ControlGroups, OfAContainerThatSeesTheHostsNames) {
    write("proc/self/cgroup", "4:cpu,cpuacct:/docker/abc\n");
    write("proc/self/mountinfo",
          "33 25 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n");
    write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n");
    write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(quota(), 2);
}

TEST(Cores, TheLeastIsUsable) {
    EXPECT_EQ((Cores{16, 16, 0}.usable()), 16);
    EXPECT_EQ((Cores{16, 1, 0}.usable()), 1);
    EXPECT_EQ((Cores{16, 8, 3}.usable()), 3);
    EXPECT_EQ((Cores{16, 2, 3}.usable()), 2);
}

// In a thread of its own, so that the mask of the others stays.
TEST(Cores, AProcessBoundToOneCoreComputesOnOneThread) {
    std::thread([] {
        cpu_set_t all, one;
        ASSERT_EQ(sched_getaffinity(0, sizeof all, &all), 0);
        CPU_ZERO(&one);
        int first = 0;
        while (!CPU_ISSET(first, &all)) ++first;
        CPU_SET(first, &one);
        ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
        EXPECT_EQ(cores().allowed, 1);
        EXPECT_EQ(cores().usable(), 1);
        set_threads(0);
        EXPECT_EQ(threads(), 1);
    }).join();
    set_threads(0);
    EXPECT_EQ(threads(), cores().usable());
}

}  // namespace
}  // namespace moco::testing
