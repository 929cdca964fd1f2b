// scripts/get-data against a "server" of file URLs.
#include <gtest/gtest.h>

#include "moco/data/dataset.h"
#include "tests/support/process.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;

class GetData : public ::testing::Test {
  protected:
    GetData() {
        // A tiny CIFAR-10: one record a file.
        const fs::path folder = server_ / "cifar-10-batches-bin";
        fs::create_directories(folder);
        for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                                 "data_batch_5.bin", "test_batch.bin"}) {
            std::string record(3073, '\3');
            for (size_t i = 0; i < record.size(); i += 5) record[i] = static_cast<char>(i * i % 9);
            write_bytes(folder / name, record);
        }
        run_process(
            {"/usr/bin/env", "tar", "-czf", archive().string(), "-C", server_.path().string(), "cifar-10-batches-bin"});
        md5_ = run_process({"/usr/bin/env", "md5sum", archive().string()}).out.substr(0, 32);
        fs::remove_all(folder);
    }
    fs::path archive() const { return server_ / "cifar-10-binary.tar.gz"; }
    ProcessResult get(const std::string& name, const std::string& md5) {
        return run_process({"/usr/bin/env", "MOCO_DATA_URL=file://" + server_.path().string(), "MOCO_DATA_MD5=" + md5,
                            MOCO_SOURCE_DIR "/scripts/get-data", name, target()});
    }
    std::string target() const { return target_.path() / "data"; }
    int64_t files_in_target() const { return std::distance(fs::directory_iterator(target()), {}); }

    TempFolder server_, target_;
    std::string md5_;
};

TEST_F(GetData, AnArchiveIsFetchedCheckedAndUnpacked) {
    const ProcessResult result = get("cifar10", md5_);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.out.find("--data cifar10:" + target()), std::string::npos) << result.out;
    EXPECT_EQ(open_dataset("cifar10:" + target()).train->count(), 5);
    EXPECT_EQ(files_in_target(), 1);  // nothing but the folder
    fs::remove(archive());
    const ProcessResult again = get("cifar10", md5_);
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_NE(again.out.find("already there"), std::string::npos);
}

TEST_F(GetData, AnInterruptedDownloadGoesOn) {
    const std::string whole = read_bytes(archive());
    fs::create_directories(target());
    write_bytes(target() + "/cifar-10-binary.tar.gz.part", whole.substr(0, whole.size() / 2));
    // The server's first half is spoilt: only the second half may be taken from it.
    write_bytes(archive(), std::string(whole.size() / 2, 'x') + whole.substr(whole.size() / 2));
    const ProcessResult result = get("cifar10", md5_);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(open_dataset("cifar10:" + target()).test->count(), 1);
}

TEST_F(GetData, ADamagedDownloadIsRemovedAndNamed) {
    std::string bytes = read_bytes(archive());
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] + 1);
    write_bytes(archive(), bytes);
    const ProcessResult result = get("cifar10", md5_);
    EXPECT_NE(result.exit_code, 0);
    EXPECT_NE(result.err.find("cifar-10-binary.tar.gz"), std::string::npos);
    EXPECT_NE(result.err.find("expected " + md5_), std::string::npos) << result.err;
    EXPECT_EQ(files_in_target(), 0);
}

TEST_F(GetData, TheChecksumsOfTheAuthorsHoldUnlessAnotherIsGiven) {
    const ProcessResult result = run_process({"/usr/bin/env", "MOCO_DATA_URL=file://" + server_.path().string(),
                                              MOCO_SOURCE_DIR "/scripts/get-data", "cifar10", target()});
    EXPECT_NE(result.exit_code, 0);
    EXPECT_NE(result.err.find("expected c32a1d4ab5d03f1284b67883e8d87530"), std::string::npos) << result.err;
}

TEST_F(GetData, WhatGoesWrongIsOneSentence) {
    fs::remove(archive());
    EXPECT_NE(get("cifar10", md5_).err.find("could not be fetched"), std::string::npos);
    EXPECT_NE(get("cifar11", md5_).err.find("'cifar11' is not known"), std::string::npos);
    write_bytes(target_ / "file", "");
    const ProcessResult blocked = run_process({MOCO_SOURCE_DIR "/scripts/get-data", "stl10", target_ / "file"});
    EXPECT_NE(blocked.exit_code, 0);
    EXPECT_NE(blocked.err.find("cannot be made"), std::string::npos) << blocked.err;
}

}  // namespace
}  // namespace moco::testing
