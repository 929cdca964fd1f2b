// MNIST's files, whole and broken.
#include "moco/data/idx.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

std::string big_endian(uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
    return bytes;
}

std::string idx_file(const std::vector<uint32_t>& extents, const std::string& values) {
    std::string file = {0, 0, 8, static_cast<char>(extents.size())};
    for (const uint32_t extent : extents) file += big_endian(extent);
    return file + values;
}

std::string counting(size_t count, int modulus) {
    std::string values;
    for (size_t i = 0; i < count; ++i) values += static_cast<char>(i % static_cast<size_t>(modulus));
    return values;
}

void write_gz(const std::filesystem::path& path, const std::string& bytes) {
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
}

/// A small MNIST: 12 + 5 images of 4 x 3.
class Idx : public ::testing::Test {
  protected:
    Idx() {
        write_bytes(folder_ / "train-images-idx3-ubyte", idx_file({12, 4, 3}, counting(144, 251)));
        write_bytes(folder_ / "train-labels-idx1-ubyte", idx_file({12}, counting(12, 10)));
        write_gz(folder_ / "t10k-images-idx3-ubyte.gz", idx_file({5, 4, 3}, counting(60, 7)));
        write_bytes(folder_ / "t10k-labels.idx1-ubyte", idx_file({5}, counting(5, 10)));
    }
    std::string open_message() const {
        return message_of([&] { open_mnist(folder_.path()); });
    }
    TempFolder folder_;
};

TEST_F(Idx, PlainAndGzippedFilesAreRead) {
    const Splits splits = open_mnist(folder_.path());
    const DatasetInfo& info = splits.train->info();
    EXPECT_EQ(info.count, 12);
    EXPECT_EQ(info.channels, 1);
    EXPECT_EQ(info.H, 4);
    EXPECT_EQ(info.W, 3);
    EXPECT_EQ(info.classes, 10);
    EXPECT_EQ(splits.pretrain, splits.train);
    const Image image = splits.train->load(2);
    EXPECT_EQ(image.pixels[0], 24);
    EXPECT_EQ(image.C, 1);
    EXPECT_EQ(splits.train->label(11), 1);
    EXPECT_EQ(splits.train->path(3), "train-images-idx3-ubyte#3");
    EXPECT_EQ(splits.test->count(), 5);
    EXPECT_EQ(splits.test->load(1).pixels[2], (12 + 2) % 7);
}

TEST_F(Idx, AMissingFileIsNamed) {
    std::filesystem::remove(folder_ / "train-labels-idx1-ubyte");
    const std::string message = open_message();
    EXPECT_NE(message.find("train-labels-idx1-ubyte is missing in " + folder_.path().string()), std::string::npos)
        << message;
}

TEST_F(Idx, TruncatedFilesAreNamed) {
    for (const char* name : {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"}) {
        const std::string whole = read_bytes(folder_ / name);
        for (const size_t length : {size_t{0}, size_t{3}, size_t{9}, whole.size() / 2, whole.size() - 1}) {
            write_bytes(folder_ / name, whole.substr(0, length));
            expect_error([&] { open_mnist(folder_.path()); }, {name});
        }
        write_bytes(folder_ / name, whole);
    }
}

TEST_F(Idx, ACorruptGzipIsNoticed) {
    std::string bytes = read_bytes(folder_ / "t10k-images-idx3-ubyte.gz");
    bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] + 1);  // in the checksum
    write_bytes(folder_ / "t10k-images-idx3-ubyte.gz", bytes);
    expect_error([&] { open_mnist(folder_.path()); }, {"t10k-images-idx3-ubyte.gz", "get it again"});
}

TEST_F(Idx, WrongHeadersAreNamed) {
    const auto with_images = [&](const std::string& bytes) {
        write_bytes(folder_ / "train-images-idx3-ubyte", bytes);
        return open_message();
    };
    EXPECT_NE(with_images("PK\3\4 this is a zip archive").find("not an idx file"), std::string::npos);
    EXPECT_NE(with_images("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n").find("a Git LFS pointer"),
              std::string::npos);
    EXPECT_NE(with_images(idx_file({12}, counting(12, 10))).find("not an idx file"), std::string::npos);
    EXPECT_NE(with_images(idx_file({0, 4, 3}, "")).find("is empty"), std::string::npos);
    EXPECT_NE(with_images(idx_file({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, "x")).find("16 GiB"), std::string::npos);
    EXPECT_NE(with_images(idx_file({11, 4, 3}, counting(132, 10))).find("12 labels"), std::string::npos);
    EXPECT_NE(with_images(idx_file({12, 4, 3}, counting(145, 10))).find("more data"), std::string::npos);
}

TEST_F(Idx, AMissingFolderSaysWhatToInstall) {
    expect_error([] { open_fashion_mnist("/nowhere"); }, {"/nowhere", "apt install dataset-fashion-mnist"});
    expect_error([&] { open_fashion_mnist(TempFolder().path()); }, {"apt install dataset-fashion-mnist"});
}

TEST(FashionMnist, DebiansPackageIsReadWithTheUsualConstants) {
    if (!std::filesystem::exists(kFashionMnistFolder)) GTEST_SKIP() << "dataset-fashion-mnist is not installed";
    const Splits splits = open_dataset("fashion-mnist");
    const DatasetInfo& info = splits.train->info();
    EXPECT_EQ(info.count, 60'000);
    EXPECT_EQ(splits.test->count(), 10'000);
    EXPECT_EQ(info.class_names[9], "ankle boot");
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < info.count; ++i) {
        for (const uint8_t byte : splits.train->load(i).pixels) {
            sum += byte / 255.0;
            squares += byte / 255.0 * (byte / 255.0);
        }
    }
    const double mean = sum / (60'000 * 784.0);
    EXPECT_NEAR(mean, info.normalization.mean[0], 5e-5);
    EXPECT_NEAR(std::sqrt(squares / (60'000 * 784.0) - mean * mean), info.normalization.std[0], 5e-5);
    EXPECT_EQ(splits.train->label(0), 9);
}

}  // namespace
}  // namespace moco::testing
