// metrics.jsonl: its lines, and what a resume cuts off.
#include "moco/train/run_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/message.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

using nlohmann::json;

std::vector<json> read_lines(const std::filesystem::path& path) {
    std::vector<json> lines;
    std::istringstream text(read_bytes(path));
    for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
    return lines;
}

RunPlan plan_of_a_run() {
    RunPlan plan;
    plan.values = {{"loss", "epoch_loss", "loss", "loss", ValueName::Unit::plain},
                   {"contrast_accuracy", "epoch_accuracy", "contrast accuracy", "contrast", ValueName::Unit::percent}};
    return plan;
}

StepReport step_report(int64_t step) {
    StepReport report;
    report.epoch = 2;
    report.step = step;
    report.values = {1.0 / 3, 12.5};
    report.logged = true;
    report.lr = 0.03f;
    report.images_per_s = 100;
    return report;
}

TEST(RunLog, WritesOneObjectALine) {
    const TempFolder folder;
    const std::filesystem::path path = folder / "metrics.jsonl";
    RunLog log(path, 0);
    log.run_starts(plan_of_a_run());
    EvaluationReport knn;
    knn.values = {{"knn_pixels", "knn/pixels", "raw pixels", 81.78}};
    log.baselines(knn);
    log.step_done(step_report(7));
    StepReport passed_over = step_report(8);
    passed_over.logged = false;
    log.step_done(passed_over);
    log.unreadable(2, 8, {3, "cats/\xff.png", "cats/a.png: this is \"no\" image", 4});
    EpochReport epoch;
    epoch.epoch = 2;
    epoch.step = 8;
    epoch.values = {6.5, 0};
    epoch.skipped_images = 1;
    log.epoch_done(epoch);
    knn.values = {{"knn_backbone", "knn/backbone", "backbone", 71.5},
                  {"knn_projection", "knn/projection", "projection", 70.25}};
    epoch.evaluation = knn;
    log.epoch_done(epoch);
    EXPECT_EQ(log.lines(), 5);

    const std::vector<json> lines = read_lines(path);
    ASSERT_EQ(lines.size(), 5u);
    EXPECT_EQ(lines[0]["type"], "baselines");
    EXPECT_EQ(lines[0]["knn_pixels"], 81.78);
    EXPECT_EQ(lines[1]["type"], "step");
    EXPECT_EQ(lines[1]["epoch"], 2);
    EXPECT_EQ(lines[1]["step"], 7);
    EXPECT_EQ(lines[1]["loss"], 1.0 / 3);  // every digit
    EXPECT_EQ(lines[1]["contrast_accuracy"], 12.5);
    EXPECT_EQ(lines[1]["lr"], static_cast<double>(0.03f));
    EXPECT_EQ(lines[1]["images_per_s"], 100);
    EXPECT_EQ(lines[2]["type"], "unreadable");
    EXPECT_EQ(lines[2]["reason"], "cats/a.png: this is \"no\" image");
    EXPECT_EQ(lines[2]["replaced_by"], 4);
    EXPECT_EQ(lines[3]["type"], "epoch");
    EXPECT_EQ(lines[3]["skipped_images"], 1);
    EXPECT_FALSE(lines[3].contains("knn_backbone"));
    EXPECT_EQ(lines[4]["knn_backbone"], 71.5);
    EXPECT_EQ(lines[4]["knn_projection"], 70.25);
    EXPECT_FALSE(lines[4].contains("knn_pixels"));
}

TEST(RunLog, AResumeKeepsTheCountedLines) {
    const TempFolder folder;
    const std::filesystem::path path = folder / "metrics.jsonl";
    {
        RunLog log(path, 0);
        for (int step = 1; step <= 3; ++step) log.step_done(step_report(step));
        log.flush();
    }
    write_bytes(path, read_bytes(path) + "{\"type\": \"st");  // killed within a line
    {
        RunLog log(path, 2);
        EXPECT_EQ(log.lines(), 2);
        log.step_done(step_report(33));
        EXPECT_EQ(log.lines(), 3);
    }
    const std::vector<json> lines = read_lines(path);
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[1]["step"], 2);
    EXPECT_EQ(lines[2]["step"], 33);
    // A fresh run starts an empty log.
    { const RunLog log(path, 0); }
    EXPECT_EQ(read_bytes(path), "");
}

TEST(RunLog, SaysWhatIsWrongWithTheFile) {
    const TempFolder folder;
    const std::filesystem::path path = folder / "metrics.jsonl";
    write_bytes(path, "{}\n{}\n{");
    EXPECT_THAT(message_of([&] { RunLog(path, 3); }),
                ::testing::HasSubstr("metrics.jsonl has 2 whole lines, but the checkpoint counts 3"));
    EXPECT_THAT(message_of([&] { RunLog(folder / "no" / "metrics.jsonl", 0); }),
                ::testing::HasSubstr("cannot be written: No such file or directory"));
    EXPECT_THAT(message_of([&] { RunLog("/dev/full", 0).step_done(step_report(1)); }),
                ::testing::HasSubstr("/dev/full cannot be written"));
}

}  // namespace
}  // namespace moco::testing
