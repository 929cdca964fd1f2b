// Files are there whole or not at all.
#include "nn/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

/// How many files a folder holds.
int64_t files_in(const TempFolder& folder) {
    return std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator{});
}

TEST(AtomicFile, PutsTheFileInPlaceOnCommit) {
    TempFolder folder;
    write_bytes(folder / "file", "old");
    {
        AtomicFile file(folder / "file");
        file.write("new ");
        file.write(std::string(3 << 20, 'x'));  // larger than the buffer
        file.write(" end");
        EXPECT_EQ(read_bytes(folder / "file"), "old");
        file.commit();
    }
    EXPECT_EQ(read_bytes(folder / "file"), "new " + std::string(3 << 20, 'x') + " end");
    EXPECT_EQ(files_in(folder), 1);
}

TEST(AtomicFile, WithoutCommitNothingChanges) {
    TempFolder folder;
    write_bytes(folder / "file", "old");
    { AtomicFile(folder / "file").write("new"); }
    EXPECT_EQ(read_bytes(folder / "file"), "old");
    EXPECT_EQ(files_in(folder), 1);
}

TEST(AtomicFile, OverwritesWhatAKilledWriterLeft) {
    TempFolder folder;
    write_bytes(folder / "file.tmp", "a longer remainder than the new contents");
    write_file_atomically(folder / "file", "new");
    EXPECT_EQ(read_bytes(folder / "file"), "new");
    EXPECT_EQ(files_in(folder), 1);
}

TEST(AtomicFile, TakesANameInTheCurrentFolder) {
    TempFolder folder;
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(folder.path());
    write_file_atomically("file", "here");
    std::filesystem::current_path(before);
    EXPECT_EQ(read_bytes(folder / "file"), "here");
}

TEST(AtomicFile, SaysWhyAFileCannotBeMade) {
    TempFolder folder;
    write_bytes(folder / "file", "");
    expect_error([&] { AtomicFile(folder / "missing/file"); }, {"missing/file", "cannot be written", "No such file"});
    expect_error([&] { AtomicFile(folder / "file/inside"); }, {"file/inside", "Not a directory"});
    expect_error([&] { AtomicFile(folder.path()); }, {folder.path().string(), "is a folder"});
    expect_error([&] { AtomicFile("/proc/moco.safetensors"); }, {"/proc/moco.safetensors", "cannot be written"});
    EXPECT_EQ(files_in(folder), 1);
}

TEST(AtomicFile, WritesThroughLinks) {
    TempFolder folder;
    std::filesystem::create_directory(folder / "far");
    write_bytes(folder / "far/file", "old");
    std::filesystem::create_symlink("far/file", folder / "near");
    std::filesystem::create_symlink(folder / "near", folder / "nearer");
    write_file_atomically(folder / "nearer", "new");
    EXPECT_EQ(read_bytes(folder / "far/file"), "new");
    EXPECT_TRUE(std::filesystem::is_symlink(folder / "near"));
    EXPECT_TRUE(std::filesystem::is_symlink(folder / "nearer"));
    EXPECT_EQ(files_in(folder), 3);

    std::filesystem::create_symlink("far/not there yet", folder / "dangling");
    write_file_atomically(folder / "dangling", "made");
    EXPECT_EQ(read_bytes(folder / "far/not there yet"), "made");
    EXPECT_TRUE(std::filesystem::is_symlink(folder / "dangling"));

    std::filesystem::create_symlink("circle", folder / "circle");
    expect_error([&] { write_file_atomically(folder / "circle", ""); }, {"circle", "go round in a circle"});
}

TEST(AtomicFile, RefusesWhatIsNoRegularFile) {
    TempFolder folder;
    ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
    std::filesystem::create_symlink(folder / "pipe", folder / "link");
    for (const char* name : {"pipe", "link"}) {
        expect_error([&] { write_file_atomically(folder / name, "new"); },
                     {(folder / name).string(), "no regular file"});
    }
    EXPECT_TRUE(std::filesystem::is_fifo(folder / "pipe"));
    expect_error([] { write_file_atomically("/dev/null", "new"); }, {"/dev/null cannot be written", "a device"});
    EXPECT_EQ(files_in(folder), 2);
}

/// For its lifetime, no file of this process may grow beyond a few bytes: what a full disk looks like to a writer.
class FullDisk {
  public:
    FullDisk() {
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit small = {4096, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &small);
    }
    ~FullDisk() {
        setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

  private:
    rlimit before_{};
    void (*handler_)(int);
};

TEST(AtomicFile, AFullDiskLeavesTheOldFileAndNothingElse) {
    TempFolder folder;
    write_bytes(folder / "file", "old");
    {
        FullDisk full;
        // Once while writing, once while flushing the rest.
        expect_error([&] { AtomicFile(folder / "file").write(std::string(2 << 20, 'x')); },
                     {(folder / "file").string(), "File too large", "what was there before is unchanged"});
        expect_error([&] { write_file_atomically(folder / "file", std::string(10000, 'x')); },
                     {(folder / "file").string(), "File too large"});
    }
    EXPECT_EQ(read_bytes(folder / "file"), "old");
    EXPECT_EQ(files_in(folder), 1);
}

}  // namespace
}  // namespace moco::testing
