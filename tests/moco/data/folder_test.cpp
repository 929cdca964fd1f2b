// Folders of images: what is listed, in which order, kept where and until when.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "moco/data/folder_cache.h"
#include "moco/data/folder_dataset.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& file, const std::string& bytes = "x") {
    fs::create_directories(file.parent_path());
    write_bytes(file, bytes);
}

std::vector<std::string> paths_of(const FolderListing& listing) {
    std::vector<std::string> paths;
    for (int64_t i = 0; i < listing.count(); ++i) paths.emplace_back(listing.path(i));
    return paths;
}

/// Sets the times of all directories back, as if the folder had lain there for a while.
void make_old(const fs::path& root) {
    const auto time = fs::file_time_type::clock::now() - std::chrono::hours(1);
    fs::last_write_time(root, time);
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
        if (entry.is_directory()) fs::last_write_time(entry, time);
    }
}

std::string golden_file(const std::string& name) {
    return read_bytes(golden_path("decode/" + name));
}

TEST(FolderListing, ClassesAndNamesAreSorted) {
    TempFolder folder;
    for (const char* name : {"dog/b.jpg", "dog/a.png", "cat/9.jpg", "cat/10.jpg", "cat/sub/1.jpg", "cat/.hidden.jpg",
                             "cat/notes.txt", "cat/no_extension", "empty/readme.md", ".git/x.jpg"}) {
        put(folder / name);
    }
    const FolderListing listing = scan_folder(folder.path());
    EXPECT_EQ(listing.class_names, (std::vector<std::string>{"cat", "dog"}));
    EXPECT_EQ(paths_of(listing), (std::vector<std::string>{"cat/10.jpg", "cat/9.jpg", "cat/no_extension",
                                                           "cat/sub/1.jpg", "dog/a.png", "dog/b.jpg"}));
    std::vector<int64_t> labels;
    for (int64_t i = 0; i < listing.count(); ++i) labels.push_back(listing.label(i));
    EXPECT_EQ(labels, (std::vector<int64_t>{0, 0, 0, 0, 1, 1}));
}

TEST(FolderListing, AFlatFolderIsUnlabelled) {
    TempFolder folder;
    for (const char* name : {"b.jpg", "a.png", "c", "x.csv"}) put(folder / name);
    const FolderListing listing = scan_folder(folder.path());
    EXPECT_TRUE(listing.class_names.empty());
    EXPECT_EQ(paths_of(listing), (std::vector<std::string>{"a.png", "b.jpg", "c"}));
    EXPECT_EQ(listing.label(0), -1);
}

TEST(FolderListing, SymbolicLinksAreFollowedButNotInCircles) {
    TempFolder folder, elsewhere;
    put(elsewhere / "1.jpg");
    fs::create_directory_symlink(elsewhere.path(), folder / "linked");
    EXPECT_EQ(scan_folder(folder.path()).count(), 1);
    fs::create_directory_symlink(folder.path(), elsewhere / "back");
    expect_error([&] { scan_folder(folder.path()); }, {"circles"});
}

TEST(FolderListing, WhatCannotServeIsNamed) {
    TempFolder folder;
    expect_error([&] { scan_folder(folder.path()); }, {folder.path().string(), "holds no images"});
    put(folder / "cat/1.jpg");
    put(folder / "loose.jpg");
    expect_error([&] { scan_folder(folder.path()); }, {"loose.jpg", "cat", "classes"});
    expect_error([&] { scan_folder(folder / "loose.jpg"); }, {"loose.jpg", "cannot be read"});
    expect_error([] { open_dataset("folder:/nowhere/at/all"); }, {"/nowhere/at/all"});
    expect_error([] { open_dataset("/nowhere/at/all"); }, {"/nowhere/at/all", "shapes[:N]"});
}

class FolderCaching : public ::testing::Test {
  protected:
    FolderCaching() {
        for (const char* name : {"cat/1.jpg", "cat/2.jpg", "dog/1.jpg"}) put(folder_ / name);
        make_old(folder_.path());
    }
    FolderListing list() { return list_folder(folder_.path(), {cache_folder_ / "deep/er", 1}); }
    std::string kept_file() { return FolderCache(cache_folder_ / "deep/er", folder_.path()).path(); }

    TempFolder folder_, cache_folder_;
};

TEST_F(FolderCaching, AListingIsKeptAndReadBack) {
    const FolderListing scanned = list();
    ASSERT_TRUE(fs::exists(kept_file()));
    // Proof that it is the kept one: a file that is taken away without its folder's time moving is still listed.
    const auto time = fs::last_write_time(folder_ / "cat");
    fs::remove(folder_ / "cat/1.jpg");
    fs::last_write_time(folder_ / "cat", time);
    EXPECT_EQ(list(), scanned);
}

TEST_F(FolderCaching, AnyChangedDirectoryMakesItStale) {
    list();
    put(folder_ / "cat/3.jpg");
    EXPECT_EQ(list().count(), 4);
    make_old(folder_.path());
    list();
    fs::remove_all(folder_ / "dog");
    EXPECT_EQ(list().class_names, std::vector<std::string>{"cat"});
}

TEST_F(FolderCaching, ADirectoryThatJustChangedIsNotKept) {
    put(folder_ / "cat/3.jpg");
    list();
    EXPECT_FALSE(fs::exists(kept_file()));
}

TEST_F(FolderCaching, SmallListingsAreNotKeptAndNoCacheFolderIsNoError) {
    const std::string folder = folder_.path();
    list_folder(folder, {cache_folder_.path(), 4});
    EXPECT_TRUE(fs::is_empty(cache_folder_.path()));
    EXPECT_EQ(list_folder(folder, {"", 1}).count(), 3);
    EXPECT_EQ(list_folder(folder, {"/proc/no/such/place", 1}).count(), 3);
}

TEST_F(FolderCaching, DamagedCachesArePassedOver) {
    const FolderListing scanned = list();
    const std::string whole = read_bytes(kept_file());
    for (size_t length = 0; length < whole.size(); length += 29) {
        write_bytes(kept_file(), whole.substr(0, length));
        ASSERT_EQ(list(), scanned);
    }
    for (size_t at = 0; at < whole.size(); at += 23) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] + 1);
        write_bytes(kept_file(), damaged);
        ASSERT_EQ(list(), scanned);
    }
}

TEST_F(FolderCaching, RelativePathsAndLinksShareAListing) {
    list();
    fs::create_directory_symlink(folder_.path(), cache_folder_ / "link");
    EXPECT_EQ(FolderCache(cache_folder_ / "deep/er", cache_folder_ / "link").path(), kept_file());
    EXPECT_TRUE(FolderCache(cache_folder_ / "deep/er", cache_folder_ / "link").read().has_value());
}

TEST(FolderListing, TheCacheFolderFollowsTheEnvironment) {
    const char* before = std::getenv("XDG_CACHE_HOME");
    const std::string kept = before != nullptr ? before : "";
    setenv("XDG_CACHE_HOME", "/some/cache", 1);
    EXPECT_EQ(ListingOptions::default_cache_folder(), "/some/cache/moco");
    unsetenv("XDG_CACHE_HOME");
    EXPECT_TRUE(ListingOptions::default_cache_folder().ends_with("/.cache/moco"));
    if (before != nullptr) setenv("XDG_CACHE_HOME", kept.c_str(), 1);
}

TEST(FolderDataset, ImagesAreDecodedAndNamedFromTheFolder) {
    TempFolder folder;
    put(folder / "a/1.jpg", golden_file("rgb_420.jpg"));
    put(folder / "b/2.png", golden_file("rgba.png"));
    put(folder / "b/3.png", "no image");
    const Splits splits = open_dataset(folder.path());
    const Dataset& data = *splits.train;
    EXPECT_EQ(splits.test, nullptr);
    EXPECT_EQ(data.info().classes, 2);
    EXPECT_EQ(data.info().H, 0);
    EXPECT_EQ(data.load(0).W, 27);
    EXPECT_EQ(data.load(1).C, 3);
    EXPECT_EQ(data.label(1), 1);
    EXPECT_EQ(data.path(1), "b/2.png");
    expect_error([&] { data.load(2); }, {(folder / "b/3.png").string(), "not an image"});
    fs::remove(folder / "a/1.jpg");
    expect_error([&] { data.load(0); }, {(folder / "a/1.jpg").string(), "cannot be opened"});
}

TEST(FolderDataset, TrainAndValAreTheSplitsWithTheTrainingPartsClasses) {
    TempFolder folder;
    for (const char* name : {"train/a/1.jpg", "train/b/1.jpg", "train/c/1.jpg", "val/c/1.jpg", "val/a/7.jpg"}) {
        put(folder / name);
    }
    const Splits splits = open_dataset("folder:" + folder.path().string());
    EXPECT_EQ(splits.train->info().count, 3);
    EXPECT_EQ(splits.train->info().part, "train");
    EXPECT_EQ(splits.test->info().count, 2);
    EXPECT_EQ(splits.test->info().classes, 3);
    EXPECT_EQ(splits.test->label(0), 0);
    EXPECT_EQ(splits.test->label(1), 2);
    EXPECT_EQ(splits.test->path(1), "val/c/1.jpg");
    put(folder / "val/d/1.jpg");
    expect_error([&] { open_dataset(folder.path()); }, {"val/d", "training part"});
}

}  // namespace
}  // namespace moco::testing
