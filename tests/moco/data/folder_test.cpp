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

const std::string kJpegStart = "\xFF\xD8\xFF\xE0 and the rest";

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
        put(folder / name, kJpegStart);
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
    for (const char* name : {"b.jpg", "a.png", "c", "x.csv"}) put(folder / name, kJpegStart);
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

TEST(FolderListing, WhatIsNoImageIsIgnoredAndCounted) {
    TempFolder folder;
    for (const char* name : {"cat/1.jpg", "cat/README", "cat/.DS_Store", "LICENSE", "x.parquet", "notes.unknown"}) {
        put(folder / name, "Some words about these images.");
    }
    put(folder / "cat/photo", kJpegStart);
    put(folder / "cat/photo.unknown", kJpegStart);
    put(folder / "cat/nothing", "");
    const FolderListing listing = scan_folder(folder.path());
    EXPECT_EQ(paths_of(listing), (std::vector<std::string>{"cat/1.jpg", "cat/photo", "cat/photo.unknown"}));
    EXPECT_EQ(listing.ignored, 5);
    EXPECT_EQ(notes_of(listing, "D"),
              std::vector<std::string>{"D: 5 files that are no images are ignored, such as LICENSE"});
    const Splits splits = open_dataset(folder.path());
    ASSERT_EQ(splits.notes.size(), 1u);
    TempFolder other;
    put(other / "x.parquet");
    expect_error([&] { scan_folder(other.path()); }, {"holds no images", "x.parquet"});
}

TEST(FolderListing, LinksToWhatIsNotThereAreLeftOutAndNotKept) {
    TempFolder folder, cache;
    fs::create_directories(folder / "cat");
    fs::create_symlink("../.git/annex/objects/1", folder / "cat/1.jpg");
    expect_error([&] { scan_folder(folder.path()); }, {"1 symbolic link", "cat/1.jpg", "git annex get"});
    put(folder / "cat/2.jpg");
    make_old(folder.path());
    const FolderListing listing = list_folder(folder.path(), {cache.path(), 1});
    EXPECT_EQ(listing.count(), 1);
    EXPECT_EQ(notes_of(listing, "D"),
              std::vector<std::string>{"D: symbolic links to files that are not there are left out: 1 (cat/1.jpg)"});
    put(folder / ".git/annex/objects/1");  // as `git annex get` does it: no listed directory changes
    EXPECT_EQ(list_folder(folder.path(), {cache.path(), 1}).count(), 2);
}

TEST(FolderListing, SubfoldersWithoutImagesAreNoClassesAndSaid) {
    TempFolder folder;
    put(folder / "cat/1.jpg");
    put(folder / "dog/notes.txt");
    const FolderListing listing = scan_folder(folder.path());
    EXPECT_EQ(listing.class_names, std::vector<std::string>{"cat"});
    EXPECT_EQ(notes_of(listing, "D").back(), "D: subfolders without images are no classes: 1 (dog)");
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
    put(folder_ / "cat/notes.txt");
    fs::create_directories(folder_ / "empty");
    make_old(folder_.path());
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
    expect_error([&] { open_dataset(folder.path()); }, {"val/d", "training part", "train/d is not there"});
    fs::create_directories(folder / "train/d");
    expect_error([&] { open_dataset(folder.path()); }, {"val/d", "train/d holds no images"});
}

TEST(FolderParts, AreFoundInCapitalsAndAlone) {
    TempFolder folder;
    put(folder / "Train/a/1.jpg");
    put(folder / "Train/b/1.jpg");
    Splits splits = open_dataset(folder.path());
    EXPECT_EQ(splits.train->info().class_names, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(splits.train->info().folder, "Train/");
    EXPECT_EQ(splits.train->path(1), "Train/b/1.jpg");
    EXPECT_EQ(splits.test, nullptr);
    ASSERT_EQ(splits.notes.size(), 1u);
    EXPECT_NE(splits.notes[0].find("Train/; there is no test part"), std::string::npos) << splits.notes[0];

    put(folder / "VAL/b/1.jpg");
    splits = open_dataset(folder.path());
    EXPECT_TRUE(splits.notes.empty());
    EXPECT_EQ(splits.test->label(0), 1);
    EXPECT_EQ(splits.test->info().folder, "VAL/");

    fs::remove_all(folder / "Train");
    splits = open_dataset(folder.path());
    EXPECT_EQ(splits.train->info().class_names, std::vector<std::string>{"b"});
    EXPECT_NE(splits.notes.at(0).find("VAL/; there is no training part"), std::string::npos) << splits.notes[0];
}

TEST(FolderParts, AClassMayBeCalledTrain) {
    TempFolder folder;
    for (const char* name : {"train/steam.jpg", "bus/1.jpg", "notes/readme.txt"}) put(folder / name);
    const Splits splits = open_dataset(folder.path());
    EXPECT_EQ(splits.train->info().class_names, (std::vector<std::string>{"bus", "train"}));
    EXPECT_NE(splits.notes.at(0).find("train/ is taken for a class, like bus/"), std::string::npos) << splits.notes[0];
}

TEST(FolderParts, AFlatTestPartIsUnlabelled) {
    TempFolder folder;
    for (const char* name : {"train/a/1.jpg", "train/b/1.jpg", "val/1.jpg", "val/2.jpg"}) put(folder / name);
    const Splits splits = open_dataset(folder.path());
    EXPECT_EQ(splits.test->info().classes, 0);
    EXPECT_EQ(splits.test->label(1), -1);
    EXPECT_FALSE(is_labelled(splits));
    expect_error([&] { check_labelled(splits, "D", "the kNN accuracy"); }, {"val/", "no labels", "class folders"});
}

TEST(FolderParts, AFlatTrainingPartLeavesTheTestPartUnlabelled) {
    TempFolder folder;
    for (const char* name : {"train/1.jpg", "val/a/1.jpg"}) put(folder / name);
    const Splits splits = open_dataset(folder.path());
    EXPECT_EQ(splits.train->label(0), -1);
    EXPECT_EQ(splits.test->label(0), -1);
}

TEST(FolderParts, TinyImageNetsLabelsAreRead) {
    TempFolder folder;
    for (const char* name : {"train/n01/images/n01_0.JPEG", "train/n01/n01_boxes.txt", "train/n02/images/n02_0.JPEG",
                             "val/images/val_0.JPEG", "val/images/val_1.JPEG", "test/images/test_0.JPEG"}) {
        put(folder / name);
    }
    Splits splits = open_dataset(folder.path());
    EXPECT_EQ(splits.test->info().classes, 0);  // no annotations, one folder "images"
    const fs::path annotations = folder / "val/val_annotations.txt";
    write_bytes(annotations, "val_0.JPEG\tn02\t0\t32\t44\t62\r\nval_1.JPEG\tn01\t1\t2\t3\t4\n");
    splits = open_dataset(folder.path());
    EXPECT_EQ(splits.train->info().class_names, (std::vector<std::string>{"n01", "n02"}));
    EXPECT_TRUE(is_labelled(splits));
    EXPECT_EQ(splits.test->info().classes, 2);
    EXPECT_EQ(splits.test->label(0), 1);
    EXPECT_EQ(splits.test->label(1), 0);
    write_bytes(annotations, "val_0.JPEG\tn02\n");
    expect_error([&] { open_dataset(folder.path()); }, {"val_annotations.txt", "images/val_1.JPEG"});
    write_bytes(annotations, "val_0.JPEG\tn02\nval_1.JPEG\tn03\n");
    expect_error([&] { open_dataset(folder.path()); }, {"val_annotations.txt, line 2", "n03"});
    write_bytes(annotations, "val_0.JPEG n02\n");
    expect_error([&] { open_dataset(folder.path()); }, {"val_annotations.txt, line 1", "tab"});
}

TEST(FolderDataset, FilesThatStandInForOthersAreNamed) {
    TempFolder folder;
    put(folder / "1.jpg", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n");
    put(folder / "2.jpg", "/annex/objects/SHA256E-s3--ab.jpg\n");
    put(folder / "3.jpg");
    const Splits splits = open_dataset(folder.path());
    expect_error([&] { splits.train->load(0); }, {"1.jpg", "Git LFS pointer", "git lfs pull"});
    expect_error([&] { splits.train->load(1); }, {"2.jpg", "git-annex", "git annex get"});
    fs::remove(folder / "3.jpg");
    fs::create_symlink(".git/annex/objects/3", folder / "3.jpg");
    expect_error([&] { splits.train->load(2); }, {"3.jpg", "symbolic link to .git/annex/objects/3", "git annex get"});
}

TEST(FolderDataset, TheHomeFolderIsMeantByATilde) {
    TempFolder home;
    put(home / "x/1.jpg");
    const std::string before = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "";
    setenv("HOME", home.path().c_str(), 1);
    EXPECT_EQ(open_dataset("folder:~/x").train->count(), 1);
    EXPECT_EQ(open_dataset("~/x").train->count(), 1);
    expect_error([] { open_dataset("cifar10:~/none"); }, {home / "none"});
    setenv("HOME", before.c_str(), 1);
}

TEST(FolderDataset, TheDigestOfNamesChangesWithThemAndTheirOrder) {
    TempFolder folder;
    put(folder / "a/1.jpg");
    put(folder / "a/2.jpg");
    const auto digest = [&] { return open_dataset(folder.path()).train->names_digest(); };
    const std::string before = digest();
    EXPECT_EQ(before, "967293b115454f96");
    write_bytes(folder / "a/2.jpg", "another image");
    EXPECT_EQ(digest(), before);
    fs::rename(folder / "a/2.jpg", folder / "a/3.jpg");
    EXPECT_NE(digest(), before);
    EXPECT_EQ(open_dataset("shapes:4").train->names_digest(), "");
}

}  // namespace
}  // namespace moco::testing
