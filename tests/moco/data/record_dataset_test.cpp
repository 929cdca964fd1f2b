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
    expect_error([&] { open_dataset(spec); }, {"1 labels for 2 images"});
}

}  // namespace
}  // namespace moco::testing
