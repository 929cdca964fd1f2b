// Whole runs: what they write, how they end, and that a resumed run ends in the same bits as an unbroken one.
#include "moco/train/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "core/parallel.h"
#include "moco/train/checkpoint.h"
#include "tests/moco/data/flawed_dataset.h"
#include "tests/moco/runs.h"
#include "tests/support/expect_error.h"

namespace moco::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LoopTest : public ::testing::Test {
  protected:
    // As main() does: a denormal must not depend on which thread computes it.
    static void SetUpTestSuite() { flush_denormals(); }
    TempFolder folder_;
};

TEST_F(LoopTest, WritesWhatARunFolderPromises) {
    PretrainSettings config = tiny_run(folder_ / "run");
    config.knn.baselines = true;
    config.run.keep_every = 1;
    Watcher watcher;
    const RunSummary summary = run(config, watcher);

    EXPECT_EQ(summary.end, RunEnd::finished);
    EXPECT_EQ(summary.step, 10);
    EXPECT_EQ(watcher.plan.steps_per_epoch, 5);  // 86 images: the last partial batch is dropped
    EXPECT_EQ(watcher.plan.last_step, 10);
    EXPECT_EQ(watcher.plan.first_step, 1);
    ASSERT_EQ(watcher.steps.size(), 10u);
    ASSERT_EQ(watcher.epochs.size(), 2u);
    ASSERT_EQ(watcher.baseline.size(), 1u);
    const EvaluationReport &before = watcher.baseline[0], &after = *watcher.epochs[1].evaluation;
    for (const double accuracy : {value_of(before, "knn_pixels"), value_of(before, "knn_backbone"),
                                  value_of(after, "knn_backbone"), value_of(after, "knn_projection")}) {
        EXPECT_GE(accuracy, 0);
        EXPECT_LE(accuracy, 100);
    }
    double mean = 0;
    for (size_t i = 5; i < 10; ++i) mean += watcher.steps[i].values[0] / 5;
    EXPECT_NEAR(watcher.epochs[1].values[0], mean, 1e-12);
    // A loss of (1+K)-way classification starts near chance.
    EXPECT_NEAR(watcher.steps[0].values[0], std::log(41), 3);
    EXPECT_THAT(watcher.checkpoints, ElementsAre("checkpoint-last.safetensors", "checkpoint-epoch-0001.safetensors",
                                                 "checkpoint-last.safetensors", "checkpoint-epoch-0002.safetensors",
                                                 "checkpoint-last.safetensors"));
    EXPECT_EQ(summary.checkpoint, folder_ / "run" / kLastCheckpoint);

    // baselines, 5 logged steps of 10, 2 epochs
    const std::string log = read_bytes(folder_ / "run" / kMetricsFile);
    EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 8);
    const CheckpointInfo info = read_checkpoint_info(summary.checkpoint);
    EXPECT_EQ(info.step, 10);
    EXPECT_EQ(info.epoch, 2);
    int event_files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "run")) {
        event_files += entry.path().filename().string().starts_with("events.out.tfevents");
        EXPECT_FALSE(entry.path().string().ends_with(".tmp"));
    }
    EXPECT_EQ(event_files, 1);
    // config.toml is a valid --config that says the same.
    EXPECT_EQ(resolve_settings<PretrainSettings>({folder_ / "run" / kConfigFile, {}}), config);
}

TEST_F(LoopTest, ARunStoppedAfterAnyStepEndsInTheSameBits) {
    PretrainSettings config = tiny_run(folder_ / "whole");
    config.knn.baselines = true;
    run(config);
    for (const int64_t step : {1, 4, 5, 7, 10}) {
        SCOPED_TRACE(fmt::format("stopped after step {}", step));
        const std::filesystem::path folder = folder_ / fmt::format("stopped{}", step);
        config.run.out = folder.string();
        Watcher first, second;
        first.stop_after = step;
        EXPECT_EQ(run(config, first).end, RunEnd::stopped);
        EXPECT_EQ(resume(folder, second).end, RunEnd::finished);
        EXPECT_EQ(second.plan.first_step, step + 1);
        EXPECT_EQ(checkpoint_bytes(folder), checkpoint_bytes(folder_ / "whole"));
        EXPECT_EQ(log_without_times(folder), log_without_times(folder_ / "whole"));
    }
}

TEST_F(LoopTest, ARunStoppedInAnEvaluationMakesUpForIt) {
    PretrainSettings config = tiny_run(folder_ / "whole");
    run(config);
    config.run.out = (folder_ / "stopped").string();
    Watcher first, second;
    first.stop_in_evaluation = true;
    EXPECT_EQ(run(config, first).end, RunEnd::stopped);
    EXPECT_TRUE(first.epochs.empty());
    resume(folder_ / "stopped", second);
    EXPECT_EQ(second.epochs.size(), 2u);
    EXPECT_EQ(checkpoint_bytes(folder_ / "stopped"), checkpoint_bytes(folder_ / "whole"));
    EXPECT_EQ(log_without_times(folder_ / "stopped"), log_without_times(folder_ / "whole"));
}

// What SIGKILL leaves behind: an older checkpoint, and a log with more lines than it counts, the last one torn.
TEST_F(LoopTest, AKilledRunEndsInTheSameBits) {
    PretrainSettings config = tiny_run(folder_ / "whole");
    config.run.checkpoint_every_steps = 3;
    run(config);
    config.run.out = (folder_ / "killed").string();
    config.run.max_steps = 6;
    run(config);
    const std::string old_checkpoint = checkpoint_bytes(folder_ / "killed");
    Watcher on, again;
    resume(folder_ / "killed", on, {{"max-steps", "9"}});
    write_bytes(folder_ / "killed" / kLastCheckpoint, old_checkpoint);
    const std::filesystem::path log = folder_ / "killed" / kMetricsFile;
    write_bytes(log, read_bytes(log) + "{\"type\": \"ste");
    write_bytes(folder_ / "killed" / (std::string(kLastCheckpoint) + ".tmp"), "half a checkpoint");
    resume(folder_ / "killed", again, {{"max-steps", "0"}});
    EXPECT_EQ(again.plan.first_step, 7);
    EXPECT_EQ(checkpoint_bytes(folder_ / "killed"), checkpoint_bytes(folder_ / "whole"));
    EXPECT_EQ(log_without_times(folder_ / "killed"), log_without_times(folder_ / "whole"));
}

TEST_F(LoopTest, ARunKilledBeforeItsFirstCheckpointStartsAgain) {
    PretrainSettings config = tiny_run(folder_ / "run");
    config.run.max_steps = 3;
    run(config);
    const std::string bytes = checkpoint_bytes(folder_ / "run"), log = log_without_times(folder_ / "run");
    // What such a run may have written: nothing, or what was measured before the first step.
    for (const char* written : {"", R"({"type":"baselines","knn_pixels":50.0})"}) {
        std::filesystem::remove(folder_ / "run" / kLastCheckpoint);
        write_bytes(folder_ / "run" / kMetricsFile, written);
        Watcher watcher;
        EXPECT_EQ(resume(folder_ / "run", watcher).step, 3);
        EXPECT_EQ(watcher.plan.first_step, 1);
        EXPECT_EQ(checkpoint_bytes(folder_ / "run"), bytes);
        EXPECT_EQ(log_without_times(folder_ / "run"), log);
    }
}

TEST_F(LoopTest, ACheckpointThatWasTakenAwayIsMissed) {
    PretrainSettings config = tiny_run(folder_ / "run");
    config.run.max_steps = 3;
    run(config);
    const std::string log = read_bytes(folder_ / "run" / kMetricsFile);
    std::filesystem::remove(folder_ / "run" / kLastCheckpoint);
    Watcher watcher;
    expect_error([&] { resume(folder_ / "run", watcher); },
                 {"--resume", "checkpoint-last.safetensors is missing", "metrics.jsonl has lines of steps"});
    std::filesystem::remove(folder_ / "run" / kConfigFile);
    expect_error([&] { run(config); }, {"already holds the log of a run (metrics.jsonl)", "--out"});
    EXPECT_EQ(read_bytes(folder_ / "run" / kMetricsFile), log);
}

TEST_F(LoopTest, AStopInTheEvaluationAfterTheLastStepOwesTheEpochsEnd) {
    PretrainSettings config = tiny_run(folder_ / "whole");
    config.knn.every = 1;
    config.run.max_steps = 5;  // an epoch's
    run(config);
    config.run.out = (folder_ / "stopped").string();
    Watcher first, second, third;
    first.stop_in_evaluation = true;
    EXPECT_EQ(run(config, first).end, RunEnd::stopped);
    EXPECT_EQ(resume(folder_ / "stopped", second).end, RunEnd::finished);
    EXPECT_EQ(second.plan.ending_epoch, 1);
    ASSERT_EQ(second.epochs.size(), 1u);
    EXPECT_TRUE(second.epochs[0].evaluation);
    EXPECT_EQ(checkpoint_bytes(folder_ / "stopped"), checkpoint_bytes(folder_ / "whole"));
    EXPECT_EQ(log_without_times(folder_ / "stopped"), log_without_times(folder_ / "whole"));
    resume(folder_ / "stopped", third);
    EXPECT_EQ(third.plan.ending_epoch, 0);
    EXPECT_TRUE(third.epochs.empty());
}

TEST_F(LoopTest, ThreadsAndWorkersChangeNoBit) {
    const int threads_before = threads();
    std::string bytes, log;
    for (const auto& [thread_count, workers] : {std::pair<int, int64_t>{1, 0}, {2, 1}, {4, 3}}) {
        SCOPED_TRACE(fmt::format("{} threads, {} workers", thread_count, workers));
        set_threads(thread_count);
        PretrainSettings config = tiny_run(folder_ / fmt::format("threads{}", thread_count));
        config.machine.threads = thread_count;
        config.machine.workers = workers;
        run(config);
        const std::filesystem::path folder = config.run.out;
        if (bytes.empty()) bytes = checkpoint_bytes(folder), log = log_without_times(folder);
        EXPECT_EQ(checkpoint_bytes(folder), bytes);
        EXPECT_EQ(log_without_times(folder), log);
    }
    set_threads(threads_before);
}

TEST_F(LoopTest, TheConvolutionsAlgorithmIsPartOfTheBits) {
    std::vector<std::string> bytes;
    for (const char* conv : {"direct", "winograd"}) {
        PretrainSettings config = tiny_run(folder_ / conv);
        config.run.conv = conv;
        config.run.max_steps = 2;
        run(config);
        bytes.push_back(checkpoint_bytes(config.run.out));
        EXPECT_THAT(read_checkpoint_info(folder_ / conv / kLastCheckpoint).header.config,
                    HasSubstr(fmt::format("conv = '{}'", conv)));
    }
    EXPECT_NE(bytes[0], bytes[1]);
    expect_error(
        [&] {
            resume_settings<PretrainSettings>(folder_ / "direct", {{"conv", "winograd"}});
        },
        {"--conv winograd: the run to resume has direct, and a resume may not change it"});

    PretrainSettings edited = resume_settings<PretrainSettings>(folder_ / "direct", {});
    edited.run.conv = "auto";
    write_bytes(folder_ / "direct" / kConfigFile, to_toml(table_of(edited), "pretrain"));
    Watcher watcher;
    expect_error([&] { resume(folder_ / "direct", watcher); },
                 {"was trained with conv = direct", "config.toml says auto"});
    cpu().set_conv_algorithm(ConvAlgorithm::auto_select);
}

TEST_F(LoopTest, AResumeWithViewsMadeElsewhereIsNoted) {
    PretrainSettings config = tiny_run(folder_ / "run");
    config.run.max_steps = 1;
    run(config);
    const std::filesystem::path file = folder_ / "run" / kLastCheckpoint;
    EXPECT_EQ(read_checkpoint_info(file).header.views_made_on, "cpu");
    Watcher same, other;
    resume(folder_ / "run", same, {{"max-steps", "2"}});
    EXPECT_TRUE(same.notes.empty());
    std::string bytes = read_bytes(file);
    const std::string made = R"("views_made_on":"cpu")", elsewhere = R"("views_made_on":"gpu")";
    ASSERT_NE(bytes.find(made), std::string::npos);
    write_bytes(file, bytes.replace(bytes.find(made), made.size(), elsewhere));
    resume(folder_ / "run", other, {{"max-steps", "3"}});
    ASSERT_EQ(other.notes.size(), 1u);
    for (const char* part : {"made on gpu", "made on cpu", "the same draws", "2/255"}) {
        EXPECT_NE(other.notes[0].find(part), std::string::npos) << other.notes[0];
    }
}

TEST_F(LoopTest, TheSymmetricLossResumesToo) {
    PretrainSettings config = tiny_run(folder_ / "whole");
    config.method.symmetric = true;
    config.method.mlp = true;
    run(config);
    config.run.out = (folder_ / "stopped").string();
    Watcher first, second;
    first.stop_after = 3;
    run(config, first);
    resume(folder_ / "stopped", second);
    EXPECT_EQ(checkpoint_bytes(folder_ / "stopped"), checkpoint_bytes(folder_ / "whole"));
}

TEST_F(LoopTest, AFinishedRunMayGetMoreEpochs) {
    PretrainSettings config = tiny_run(folder_ / "run");
    config.optimizer.epochs = 1;
    run(config);
    Watcher nothing, more;
    EXPECT_EQ(resume(folder_ / "run", nothing).step, 5);
    EXPECT_TRUE(nothing.steps.empty());
    EXPECT_TRUE(nothing.checkpoints.empty());
    EXPECT_EQ(resume(folder_ / "run", more, {{"epochs", "3"}, {"workers", "0"}}).step, 15);
    EXPECT_EQ(more.epochs.size(), 2u);
    const PretrainSettings written = resume_settings<PretrainSettings>(folder_ / "run", {});
    EXPECT_EQ(written.optimizer.epochs, 3);
    EXPECT_EQ(written.machine.workers, 0);
}

TEST_F(LoopTest, RefusesToResumeSomethingElse) {
    PretrainSettings config = tiny_run(folder_ / "run");
    config.run.max_steps = 1;
    run(config);
    expect_error(
        [&] {
            resume_settings<PretrainSettings>(folder_ / "run", {{"moco-k", "48"}});
        },
        {"--moco-k 48: the run to resume has 40, and a resume may not change it"});
    expect_error([&] { resume_settings<PretrainSettings>(folder_ / "nothing", {}); },
                 {"--resume", "nothing: there is no such folder"});
    expect_error([&] { resume_settings<PretrainSettings>(folder_.path(), {}); },
                 {"the folder holds no run (config.toml is missing)"});
    expect_error([&] { run(config); }, {"already holds a run", "--resume", "--out"});

    // config.toml edited by hand, against what the checkpoint was trained with.
    PretrainSettings edited = config;
    edited.optimizer.lr = 0.5;
    write_bytes(folder_ / "run" / kConfigFile, to_toml(table_of(edited), "pretrain"));
    Watcher watcher;
    expect_error([&] { resume(folder_ / "run", watcher); }, {"was trained with lr = 0.06", "config.toml says 0.5"});
    // The refusals wrote nothing, not even what the flags say.
    const std::string before = read_bytes(folder_ / "run" / kConfigFile);
    expect_error([&] { resume(folder_ / "run", watcher, {{"epochs", "9"}}); }, {"was trained with lr = 0.06"});
    EXPECT_EQ(read_bytes(folder_ / "run" / kConfigFile), before);

    edited = config;
    edited.data.spec = "shapes:100";
    write_bytes(folder_ / "run" / kConfigFile, to_toml(table_of(edited), "pretrain"));
    expect_error([&] { resume(folder_ / "run", watcher); },
                 {"was trained on shapes (86 images", "--data is shapes (100"});
}

TEST_F(LoopTest, ALossThatIsNotFiniteStopsTheRunAndKeepsTheCheckpoint) {
    PretrainSettings config = tiny_run(folder_ / "run");
    config.optimizer.lr = 1e30;
    config.run.checkpoint_every_steps = 1;
    expect_error([&] { run(config); }, {"the loss is", "(epoch 1)", "checkpoint-last.safetensors holds step", "--lr"});
    const SafetensorsFile kept(folder_ / "run" / kLastCheckpoint);
    EXPECT_GE(std::stoll(kept.metadata().at("step")), 1);
    EXPECT_TRUE(std::isfinite(std::stod(kept.metadata().at("epoch_loss"))));
}

TEST_F(LoopTest, ImpossibleSettingsLeaveNoFolder) {
    PretrainSettings config = tiny_run(folder_ / "run");
    config.method.moco_k = 8;
    expect_error([&] { run(config); }, {"--moco-k 8 is smaller than --batch-size 16"});
    config = tiny_run(folder_ / "run");
    config.optimizer.batch_size = 96;
    config.method.moco_k = 96;
    expect_error([&] { run(config); }, {"--data shapes:86 has 86 images, fewer than one --batch-size 96"});
    EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
    config = tiny_run("/dev/null/run");
    expect_error([&] { run(config); }, {"--out /dev/null/run: the folder cannot be made"});
}

TEST_F(LoopTest, UnreadableImagesAreReplacedCountedAndNamed) {
    const PretrainSettings config = tiny_run(folder_ / "run");
    Splits data = open_dataset(config.data.spec);
    data.pretrain = std::make_shared<FlawedDataset>(data.pretrain, std::set<int64_t>{3, 40});
    Watcher watcher;
    const RunSummary summary = run_on(config, data, cpu(), watcher);
    int64_t counted = 0;
    for (const EpochReport& epoch : watcher.epochs) counted += epoch.skipped_images;
    EXPECT_EQ(summary.skipped_images, counted);
    EXPECT_GE(counted, 2);  // once an epoch, unless they fall into the dropped last batch
    EXPECT_EQ(watcher.notes.size(), static_cast<size_t>(counted));
    EXPECT_THAT(watcher.notes[0], HasSubstr(" is damaged"));
    EXPECT_THAT(read_bytes(folder_ / "run" / kMetricsFile), HasSubstr("\"type\":\"unreadable\""));
}

TEST_F(LoopTest, UnlabelledDataTrainsWithoutTheMonitor) {
    const PretrainSettings config = tiny_run(folder_ / "run");
    Splits data = open_dataset(config.data.spec);
    data.test = nullptr;
    Watcher watcher;
    run_on(config, data, cpu(), watcher);
    EXPECT_TRUE(watcher.evaluations.empty());
    EXPECT_FALSE(watcher.epochs[0].evaluation.has_value());
    ASSERT_EQ(watcher.notes.size(), 1u);
    EXPECT_THAT(watcher.notes[0], HasSubstr("no kNN monitor"));
}

}  // namespace
}  // namespace moco::testing
