// Folders of .npy files: images where nothing else is, and what lies beside images otherwise.
#include <gtest/gtest.h>

#include "moco/data/folder_dataset.h"
#include "nn/npy.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& file, const std::string& bytes = "x") {
    fs::create_directories(file.parent_path());
    write_bytes(file, bytes);
}

std::string image_of(int64_t channels) {
    return npy_header("|u1", {2, 3, channels}) + std::string(static_cast<size_t>(6 * channels), 'a');
}

TEST(FolderArrays, AreImagesWhereThereAreNoOthers) {
    const TempFolder folder;
    for (const char* name : {"cat/1.npy", "cat/deep/2.NPY", "dog/3.npy", "dog/notes.txt"}) put(folder / name);
    const FolderListing listing = scan_folder(folder.path());
    EXPECT_EQ(listing.count(), 3);
    EXPECT_EQ(listing.class_names, (std::vector<std::string>{"cat", "dog"}));
    EXPECT_EQ(listing.ignored, 1);
    EXPECT_EQ(listing.first_ignored, "dog/notes.txt");

    put(folder / "dog/photo.jpg");
    const FolderListing beside = scan_folder(folder.path());
    EXPECT_EQ(beside.count(), 1);
    EXPECT_EQ(beside.path(0), "dog/photo.jpg");
    EXPECT_EQ(beside.ignored, 4);
    EXPECT_EQ(beside.first_ignored, "cat/1.npy");
}

TEST(FolderArrays, BesideClassesOfImagesDoNoHarm) {
    const TempFolder folder;
    for (const char* name : {"train/cat/1.jpg", "train/labels.npy", "features/all.npy"}) put(folder / name);
    const Splits splits = open_dataset(folder.path());
    EXPECT_EQ(splits.train->info().folder, "train/") << "features/ is no class";
    EXPECT_EQ(splits.train->count(), 1);

    const TempFolder arrays;
    for (const char* name : {"train/1.npy", "bus/1.npy"}) put(arrays / name);
    EXPECT_EQ(open_dataset(arrays.path()).train->info().class_names, (std::vector<std::string>{"bus", "train"}));
}

TEST(FolderArrays, LooseOnesBesideClassesOfThemAreNamed) {
    const TempFolder folder;
    for (const char* name : {"cat/1.npy", "labels.npy"}) put(folder / name);
    expect_error([&] { scan_folder(folder.path()); }, {"holds images (such as labels.npy)", "cat"});
}

TEST(FolderArrays, ADataSetHasTheChannelsThatAreAskedFor) {
    const TempFolder folder;
    put(folder / "a/1.npy", image_of(5));
    put(folder / "a/2.npy", image_of(4));
    put(folder / "b/3.npy", image_of(3));
    const DatasetPtr five = open_dataset("folder:" + folder.path().string(), {.channels = 5}).train;
    EXPECT_EQ(five->info().channels, 5);
    EXPECT_EQ(five->count(), 3);
    EXPECT_EQ(five->load(0), five->load_scaled(0, [](int64_t, int64_t) { return 1; }).image);
    EXPECT_EQ(five->load(0).pixels, std::vector<uint8_t>(30, 'a'));
    expect_error([&] { five->load(1); }, {"a/2.npy: the array of shape 2x3x4", "--channels asks for 5"});
    const DatasetPtr colours = open_dataset(folder.path()).train;
    EXPECT_EQ(colours->load(2).C, 3);
    expect_error([&] { colours->load(0); }, {"a/1.npy", "expected 1 or 3"});
}

}  // namespace
}  // namespace moco::testing
