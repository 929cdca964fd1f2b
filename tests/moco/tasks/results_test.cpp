// The files that an evaluation leaves.
#include "moco/tasks/results.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "moco/data/decode.h"
#include "moco/data/shapes.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

/// Scores for the first six images of `data`: the first four are right.
ClassifiedImages six(const Dataset& data) {
    ClassifiedImages images;
    const int64_t classes = data.info().classes;
    std::vector<float> scores(static_cast<size_t>(6 * classes));
    for (int64_t i = 0; i < 6; ++i) {
        images.labels.push_back(data.label(i));
        images.indices.push_back(i);
        const int64_t taken = i < 4 ? data.label(i) : (data.label(i) + 1) % classes;
        scores[static_cast<size_t>(i * classes + taken)] = 2;
    }
    images.scores = Tensor::from_host(scores, {6, classes}, cpu());
    return images;
}

TEST(Results, AreFourFilesThatAgree) {
    const TempFolder folder;
    const DatasetPtr data = open_shapes(30).test;
    ResultsOrigin origin = {"probe", "shapes", "checkpoint-last.safetensors", 3, 40, 1.5};
    const ClassificationScores scores = write_results(folder / "a/b", origin, six(*data), *data);
    EXPECT_NEAR(scores.top1, 400.0 / 6, 1e-12);
    const auto results = nlohmann::json::parse(read_bytes(folder / "a/b/results.json"));
    EXPECT_EQ(results["task"], "probe");
    EXPECT_EQ(results["part"], "test");
    EXPECT_EQ(results["top1"], scores.top1);
    EXPECT_FALSE(results.contains("heads"));
    EXPECT_FALSE(results.contains("votes"));
    int64_t images = 0;
    for (const auto& one : results["per_class"]) {
        images += one["images"].get<int64_t>();
        EXPECT_EQ(one["top1"].is_null(), one["images"] == 0) << one;
    }
    EXPECT_EQ(images, 6);
    EXPECT_EQ(results["per_class"].size(), static_cast<size_t>(data->info().classes));
    const std::string predictions = read_bytes(folder / "a/b/predictions.csv");
    EXPECT_EQ(std::count(predictions.begin(), predictions.end(), '\n'), 7);
    EXPECT_TRUE(read_bytes(folder / "a/b/confusion.csv").starts_with("class,"));
    EXPECT_TRUE(read_bytes(folder / "a/b/confusion.png").starts_with("\x89PNG"));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "a/b"), {}), 4) << "and nothing beside them";
}

TEST(Results, NameTheHeadsOfASweep) {
    const TempFolder folder;
    const DatasetPtr data = open_shapes(30).test;
    ResultsOrigin origin = {"probe", "shapes", "", 3, 40, 1.5};
    origin.heads = {{0.3, 61, 60}, {30, 71, 70}};
    write_results(folder.path(), origin, six(*data), *data);
    const auto results = nlohmann::json::parse(read_bytes(folder / "results.json"));
    EXPECT_EQ(results["heads"], nlohmann::json::parse(R"([{"lr": 0.3, "val_top1": 61.0, "top1": 60.0},
                                                          {"lr": 30.0, "val_top1": 71.0, "top1": 70.0}])"));
}

TEST(Results, ThatCannotBeWrittenAreNamed) {
    const TempFolder folder;
    const DatasetPtr data = open_shapes(30).test;
    write_bytes(folder / "file", "no folder");
    expect_error([&] { write_results(folder / "file/in", {}, six(*data), *data); }, {"file/in", "cannot be made"});
    ClassifiedImages unlabelled = six(*data);
    unlabelled.labels.assign(6, -1);
    expect_error([&] { write_results(folder / "new", {}, unlabelled, *data); }, {"none of the 6 images has a label"});
    EXPECT_FALSE(std::filesystem::exists(folder / "new"));
}

}  // namespace
}  // namespace moco::testing
