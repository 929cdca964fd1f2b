// Labels from a file beside the images, and the choice between two test parts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "moco/data/dataset.h"
#include "moco/data/label_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

void put(const fs::path& file, const std::string& bytes = "x") {
    fs::create_directories(file.parent_path());
    write_bytes(file, bytes);
}

/// A folder and a file of labels beside it.
class Labels : public ::testing::Test {
  protected:
    void images(std::initializer_list<const char*> names) {
        for (const char* name : names) put(folder_ / "images" / name);
    }
    Splits open(const std::string& csv) {
        write_bytes(csv_, csv);
        return open_dataset(folder_ / "images", {}, {.labels_from = csv_, .test_part = ""});
    }
    void refused(const std::string& csv, std::initializer_list<std::string> parts) {
        expect_error([&] { open(csv); }, parts);
    }

    TempFolder folder_;
    std::string csv_ = folder_ / "labels.csv";
};

std::vector<std::pair<std::string, int64_t>> labels_of(const DatasetPtr& data) {
    std::vector<std::pair<std::string, int64_t>> labels;
    for (int64_t i = 0; i < data->count(); ++i) labels.emplace_back(data->path(i), data->label(i));
    return labels;
}

std::vector<std::pair<std::string, std::string>> lines_of(const fs::path& file, const std::string& text) {
    write_bytes(file, text);
    std::vector<std::pair<std::string, std::string>> lines;
    for (const LabelLine& line : read_label_file(file).lines) lines.emplace_back(line.image, line.label);
    return lines;
}

TEST(LabelFile, CommasSemicolonsTabsQuotesAndByteOrderMarksAreRead) {
    const TempFolder folder;
    const fs::path file = folder / "l.csv";
    const auto expected = ElementsAre(Pair("a.jpg", "cat"), Pair("b.jpg", "dog"));
    EXPECT_THAT(lines_of(file, "a.jpg,cat\nb.jpg,dog"), expected);
    EXPECT_THAT(lines_of(file,
                         "\xEF\xBB\xBF"
                         "a.jpg;cat\r\n\r\nb.jpg ; dog\r\n"),
                expected);
    EXPECT_THAT(lines_of(file, "a.jpg\tcat\n\"b.jpg\"\t\"dog\"\n\n"), expected);
    EXPECT_THAT(lines_of(file, "\"a, \"\"b\"\".jpg\" , \"two\nlines\"\nc.jpg,x\n"),
                ElementsAre(Pair("a, \"b\".jpg", "two\nlines"), Pair("c.jpg", "x")));
    EXPECT_THAT(lines_of(file, "a,b.jpg;cat\n"), ElementsAre(Pair("a,b.jpg", "cat")));
}

TEST(LabelFile, WhatIsNoneIsRefusedWithItsLine) {
    const TempFolder folder;
    const fs::path file = folder / "l.csv";
    const auto refused = [&](const std::string& text, std::initializer_list<std::string> parts) {
        expect_error([&] { lines_of(file, text); }, parts);
    };
    refused("", {"--labels-from", "l.csv", "empty"});
    refused(std::string("\x89PNG\0\0", 6), {"--labels-from", "this is no text"});
    refused("a.jpg cat\n", {"l.csv, line 1", "'a.jpg cat' is not divided"});
    refused("a.jpg,cat,3\n", {"l.csv, line 1", "more than two fields"});
    refused("a.jpg,cat\n\nb.jpg\n", {"l.csv, line 3", "'b.jpg' has 1 field, expected two"});
    refused("a.jpg,cat\nb.jpg,\n", {"l.csv, line 2", "empty class"});
    refused("\"a\n.jpg\",cat\n\"b.jpg,cat\n", {"l.csv, line 3", "a quote is opened"});
    refused("a.jpg,cat\n\"b.jpg\"x,cat\n", {"l.csv, line 2", "behind a field in quotes stands 'x,cat'"});
    expect_error([&] { read_label_file(folder / "none.csv"); }, {"none.csv cannot be opened (No such file"});
}

TEST_F(Labels, AFlatFolderGetsItsClassesFromTheFile) {
    images({"1.jpg", "2.jpg", "3.jpg"});
    const Splits splits = open("file,label\n2.jpg,cat\nimages/none.jpg,cat\n./1.jpg,dog\n3,cat\n");
    EXPECT_THAT(splits.train->info().class_names, ElementsAre("cat", "dog"));
    EXPECT_EQ(splits.train->info().classes, 2);
    EXPECT_THAT(labels_of(splits.train), ElementsAre(Pair("1.jpg", 1), Pair("2.jpg", 0), Pair("3.jpg", 0)));
    EXPECT_EQ(splits.pretrain, splits.train);
    EXPECT_THAT(splits.notes, ElementsAre(csv_ + ": 1 line names no image (line 3: images/none.jpg)"));
}

TEST_F(Labels, ImagesWithoutALineAreForPretrainingOnly) {
    images({"1.jpg", "2.jpg", "3.jpg", "4.jpg"});
    const Splits splits = open("4.jpg,cat\n2.jpg,dog\n");
    EXPECT_THAT(labels_of(splits.train), ElementsAre(Pair("2.jpg", 1), Pair("4.jpg", 0)));
    EXPECT_EQ(splits.pretrain->count(), 4);
    EXPECT_EQ(splits.pretrain->label(1), -1);
    EXPECT_THAT(splits.notes, ElementsAre(csv_ + ": 2 images have no line and no label, such as 1.jpg"));
}

TEST_F(Labels, BothPartsShareTheClasses) {
    images({"train/x/1.jpg", "train/y/2.jpg", "val/3.jpg", "val/sub/4.jpg"});
    fs::rename(folder_ / "images/val/3.jpg", folder_ / "images/val/sub/3.jpg");
    const Splits splits =
        open("train/x/1.jpg,b\ny/2.jpg,a\n3.jpg,b\n" + (folder_ / "images").string() + "/val/sub/4.jpg,b\n");
    EXPECT_THAT(labels_of(splits.train), ElementsAre(Pair("train/x/1.jpg", 1), Pair("train/y/2.jpg", 0)));
    EXPECT_THAT(labels_of(splits.test), ElementsAre(Pair("val/sub/3.jpg", 1), Pair("val/sub/4.jpg", 1)));
    EXPECT_TRUE(is_labelled(splits));
    ASSERT_EQ(splits.notes.size(), 2u);
    EXPECT_THAT(splits.notes[0], HasSubstr("the 2 subfolders of " + (folder_ / "images/train").string()));
    EXPECT_EQ(splits.notes[1], csv_ + ": 1 class has no images in val/ (a)");
}

TEST_F(Labels, AFlatTestPartTakesTheTrainingPartsClasses) {
    images({"train/cat/1.jpg", "train/dog/1.jpg", "train/emu/1.jpg", "val/1.jpg", "val/2.jpg"});
    const Splits splits = open("1.jpg,dog\n2.jpg,emu\n");
    EXPECT_THAT(splits.test->info().class_names, ElementsAre("cat", "dog", "emu"));
    EXPECT_THAT(labels_of(splits.test), ElementsAre(Pair("val/1.jpg", 1), Pair("val/2.jpg", 2)));
    EXPECT_EQ(splits.train->label(2), 2);
    EXPECT_THAT(splits.notes, ElementsAre(csv_ + ": 1 class has no images in val/ (cat)"));
    refused("1.jpg,dog\n2.jpg,cow\n", {"labels.csv, line 2", "'cow'", "3 of the training part", "such as cat"});
}

TEST_F(Labels, RepeatedLinesAreCountedAndContradictionsRefused) {
    images({"1.jpg", "2.jpg"});
    const Splits splits = open("1.jpg,a\n2.jpg,b\n1.jpg,a\n1,a\n");
    EXPECT_THAT(splits.notes, ElementsAre(csv_ + ": 2 lines repeat others, such as line 3: 1.jpg"));
    refused("1.jpg,a\n2.jpg,b\n./1.jpg,b\n", {"line 1 says that 1.jpg is 'a'", "line 3 that it is 'b'"});
}

TEST_F(Labels, WhatCannotServeIsRefused) {
    images({"x/1.jpg", "y/1.jpg", "y/2.jpg"});
    refused("2.jpg,a\n1.jpg,b\n", {"line 2: '1.jpg' may be x/1.jpg or y/1.jpg of"});
    refused("2.jpg,a\nx/1.jpg,a\n", {"one class, 'a'", "expected at least two"});
    refused("7.jpg,a\n8.jpg,b\n", {"none of its 2 lines names an image of", "line 2: '8.jpg'", "x/1.jpg"});
    expect_error([&] { open_dataset("shapes:4", {}, {.labels_from = csv_, .test_part = ""}); },
                 {"--labels-from", "--data shapes:4 has its own labels"});
}

TEST(TestPart, IsTheOneThatIsAskedFor) {
    const TempFolder folder;
    for (const char* name : {"train/a/1.jpg", "valid/a/2.jpg", "Test/a/3.jpg"}) put(folder / name);
    const auto test_path = [&](const std::string& part) {
        return open_dataset(folder.path(), {}, {.labels_from = "", .test_part = part}).test->path(0);
    };
    EXPECT_EQ(test_path(""), "valid/a/2.jpg");
    EXPECT_EQ(test_path("val"), "valid/a/2.jpg");
    EXPECT_EQ(test_path("test"), "Test/a/3.jpg");
    expect_error([&] { test_path("dev"); }, {"--test-part dev", "expected val or test"});
    fs::remove_all(folder / "Test");
    expect_error([&] { test_path("test"); }, {"--test-part test", "has no subfolder test, only train, valid"});
    fs::remove_all(folder / "train");
    expect_error([&] { test_path("val"); }, {"--test-part val", "has no subfolder train, only valid"});
    expect_error([&] { open_dataset("shapes:4", {}, {.labels_from = "", .test_part = "val"}); },
                 {"--test-part val: --data shapes:4 has one test part"});
}

}  // namespace
}  // namespace moco::testing
