// CIFAR and STL-10 files, whole and broken. The files here hold fewer records than the real ones.
#include "moco/data/record_dataset.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

/// A record whose byte i of the pixels is (7 i + start) mod 256.
std::string record(const std::string& labels, int64_t bytes, int start) {
    std::string text = labels;
    for (int64_t i = 0; i < bytes; ++i) text += static_cast<char>(7 * i + start);
    return text;
}

uint8_t pixel_byte(int64_t i, int start) {
    return static_cast<uint8_t>(7 * i + start);
}

void write_cifar10(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    for (int file = 1; file <= 5; ++file) {
        write_bytes(folder / ("data_batch_" + std::to_string(file) + ".bin"),
                    record(std::string(1, static_cast<char>(file)), 3072, file) +
                        record(std::string(1, '\x09'), 3072, 10 * file));
    }
    write_bytes(folder / "test_batch.bin", record(std::string(1, '\0'), 3072, 99));
    write_bytes(folder / "batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
}

TEST(Cifar10, RecordsBecomeImagesInOrder) {
    TempFolder folder;
    write_cifar10(folder / "cifar-10-batches-bin");
    const Splits splits = open_dataset("cifar10:" + folder.path().string());
    const Dataset& train = *splits.train;
    EXPECT_EQ(train.info().count, 10);
    EXPECT_EQ(train.info().H, 32);
    EXPECT_EQ(train.info().channels, 3);
    EXPECT_EQ(train.info().class_names[9], "j");
    EXPECT_EQ(train.label(4), 3);
    EXPECT_EQ(train.label(5), 9);
    EXPECT_EQ(train.path(5), "data_batch_3.bin#1");
    const Image image = train.load(5);
    for (int64_t c = 0; c < 3; ++c) {
        EXPECT_EQ(image.at(0, 0)[c], pixel_byte(c * 1024, 30));
        EXPECT_EQ(image.at(2, 5)[c], pixel_byte(c * 1024 + 2 * 32 + 5, 30));
    }
    EXPECT_EQ(splits.test->count(), 1);
    EXPECT_FLOAT_EQ(train.info().normalization.mean[0], 0.4914f);
}

TEST(Cifar10, TheFolderOfTheFilesItselfServesToo) {
    TempFolder folder;
    write_cifar10(folder.path());
    EXPECT_EQ(open_cifar10(folder.path()).train->count(), 10);
}

TEST(Cifar10, BrokenFilesAreNamed) {
    TempFolder folder;
    write_cifar10(folder.path());
    const auto file = folder / "data_batch_3.bin";
    const std::string whole = read_bytes(file);
    write_bytes(file, whole.substr(0, whole.size() - 1));
    expect_error([&] { open_cifar10(folder.path()); }, {"data_batch_3.bin", "6145 bytes", "3073"});
    write_bytes(file, "");
    expect_error([&] { open_cifar10(folder.path()); }, {"data_batch_3.bin", "empty"});
    write_bytes(file, record("\x0A", 3072, 1));
    expect_error([&] { open_cifar10(folder.path()); }, {"data_batch_3.bin#0", "class is 10"});
    std::filesystem::remove(file);
    expect_error([&] { open_cifar10(folder.path()); }, {"data_batch_3.bin", "scripts/get-data cifar10"});
    expect_error([] { open_cifar10("/nowhere"); }, {"/nowhere", "scripts/get-data cifar10 /nowhere"});
}

TEST(Cifar10, OtherFormsAreNamedWithWhatToDo) {
    TempFolder python, archive, batches;
    std::filesystem::create_directory(python / "cifar-10-batches-py");
    const std::vector<std::string> remedy = {"for Python", "scripts/get-data cifar10 DIR"};
    expect_error([&] { open_cifar10(python.path()); }, {"cifar-10-batches-py", remedy[0], remedy[1]});
    write_bytes(batches / "data_batch_1", "x");
    expect_error([&] { open_cifar10(batches.path()); }, {"data_batch_1", remedy[0], remedy[1]});
    write_bytes(archive / "cifar-10-binary.tar.gz", "x");
    expect_error([&] { open_cifar10(archive.path()); }, {"cifar-10-binary.tar.gz", "not unpacked", "tar xf"});
    expect_error([&] { open_cifar10(archive / "cifar-10-binary.tar.gz"); }, {"is a file", "tar xf"});
    write_bytes(archive / "cifar-100-python.tar.gz", "x");
    expect_error([&] { open_cifar100(archive.path()); }, {"cifar-100-python.tar.gz", remedy[0]});
}

TEST(Cifar100, FineLabelsCount) {
    TempFolder folder;
    write_bytes(folder / "train.bin", record({2, 77}, 3072, 0) + record({3, 99}, 3072, 5));
    write_bytes(folder / "test.bin", record({1, 42}, 3072, 0));
    const Splits splits = open_dataset("cifar100:" + folder.path().string());
    EXPECT_EQ(splits.train->info().classes, 100);
    EXPECT_EQ(splits.train->label(0), 77);
    EXPECT_EQ(splits.train->label(1), 99);
    EXPECT_EQ(splits.test->label(0), 42);
    EXPECT_EQ(splits.train->load(1).at(0, 1)[0], pixel_byte(1, 5));
}

TEST(Stl10, ColumnsComeFirstAndTheUnlabelledPartPretrains) {
    constexpr int64_t kPixels = 3 * 96 * 96;
    TempFolder folder;
    write_bytes(folder / "train_X.bin", record("", kPixels, 0) + record("", kPixels, 1));
    write_bytes(folder / "train_y.bin", {1, 10});
    write_bytes(folder / "test_X.bin", record("", kPixels, 3));
    write_bytes(folder / "test_y.bin", {5});
    write_bytes(folder / "unlabeled_X.bin", record("", kPixels, 4) + record("", kPixels, 5) + record("", kPixels, 6));
    const std::string spec = "stl10:" + folder.path().string();
    const Splits splits = open_dataset(spec);
    EXPECT_EQ(splits.pretrain->count(), 3);
    EXPECT_EQ(splits.pretrain->info().classes, 0);
    EXPECT_EQ(splits.pretrain->label(0), -1);
    EXPECT_EQ(splits.train->label(0), 0);
    EXPECT_EQ(splits.train->label(1), 9);
    EXPECT_EQ(splits.test->label(0), 4);
    EXPECT_EQ(splits.train->load(1).at(2, 5)[1], pixel_byte(96 * 96 + 5 * 96 + 2, 1));
    write_bytes(folder / "train_y.bin", {1, 11});
    expect_error([&] { open_dataset(spec); }, {"train_y.bin", "label 11"});
    write_bytes(folder / "train_y.bin", {1});
    expect_error([&] { open_dataset(spec); }, {"train_y.bin holds 1 labels", "train_X.bin holds 2 images"});
}

TEST(Stl10, EvaluationsDoWithoutTheUnlabelledImages) {
    constexpr int64_t kPixels = 3 * 96 * 96;
    TempFolder folder;
    for (const char* part : {"train", "test"}) {
        write_bytes(folder / (std::string(part) + "_X.bin"), record("", kPixels, 0));
        write_bytes(folder / (std::string(part) + "_y.bin"), {5});
    }
    const Splits splits = open_dataset("stl10:" + folder.path().string());
    EXPECT_EQ(splits.train->count(), 1);
    EXPECT_EQ(splits.test->count(), 1);
    expect_error([&] { pretraining_part(splits); }, {"unlabeled_X.bin is missing", "scripts/get-data stl10"});
}

TEST(RecordFiles, PointersOfGitLfsAreNamed) {
    TempFolder folder;
    write_cifar10(folder.path());
    write_bytes(folder / "data_batch_2.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n");
    expect_error([&] { open_cifar10(folder.path()); }, {"data_batch_2.bin", "Git LFS pointer"});
}

}  // namespace
}  // namespace moco::testing
