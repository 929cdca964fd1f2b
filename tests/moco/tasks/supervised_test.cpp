// Supervised training as a task on the loop: it learns, resumes to the same bits, and its checkpoints open elsewhere.
#include "moco/tasks/supervised.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "moco/tasks/pretraining.h"
#include "moco/tasks/weights.h"
#include "tests/moco/runs.h"
#include "tests/support/expect_error.h"

namespace moco::testing {
namespace {

using ::testing::HasSubstr;

class SupervisedRun : public ::testing::Test {
  protected:
    SupervisedSettings settings(const std::string& name) const {
        SupervisedSettings s = preset<SupervisedSettings>("cifar");
        s.data.spec = "shapes:86";
        s.encoder.stem = "cifar-s2", s.encoder.width = 4;
        s.optimizer.batch_size = 16, s.optimizer.epochs = 2;
        s.run.log_every = 2;
        s.run.out = (folder_ / name).string();
        return s;
    }
    TempFolder folder_;
};

TEST_F(SupervisedRun, WritesWhatARunFolderPromises) {
    Watcher watcher;
    const RunSummary summary = run<Supervised>(settings("run"), watcher);
    EXPECT_EQ(summary.step, 10);
    EXPECT_EQ(watcher.plan.title, "Supervised training");
    ASSERT_EQ(watcher.epochs.size(), 2u);
    const double top1 = value_of(watcher.epochs[1].evaluation, "test_top1");
    EXPECT_GE(value_of(watcher.epochs[1].evaluation, "test_top5"), top1);
    const auto results = nlohmann::json::parse(read_bytes(folder_ / "run" / "eval" / "supervised" / "results.json"));
    EXPECT_EQ(results["task"], "supervised");
    EXPECT_EQ(results["data"], "shapes");
    EXPECT_EQ(results["top1"], top1);
    EXPECT_THAT(read_bytes(folder_ / "run" / "eval" / "supervised" / "confusion.csv"), ::testing::StartsWith("class,"));
    EXPECT_THAT(read_bytes(folder_ / "run" / kMetricsFile), HasSubstr("\"accuracy\":"));
    EXPECT_THAT(read_bytes(folder_ / "run" / kConfigFile), HasSubstr("task = \"supervised\""));

    // The checkpoint opens as a network with its classifier, and starts a pretraining.
    const SafetensorsFile file(summary.checkpoint);
    EXPECT_NE(file.find("encoder.conv1.weight"), nullptr);
    EXPECT_NE(file.find("optimizer.fc.weight"), nullptr);
    const auto network = load_network(summary.checkpoint, {}, cpu());
    EXPECT_EQ(network->output_dim(), 10);
    EXPECT_EQ(network_of(file).image_size, 32);
    PretrainSettings next = tiny_run(folder_ / "next");
    next.run.init = summary.checkpoint.string();
    next.run.max_steps = 1;
    EXPECT_EQ(run(next).step, 1);
}

TEST_F(SupervisedRun, ARunStoppedAfterAnyStepEndsInTheSameBits) {
    run<Supervised>(settings("whole"));
    for (const int64_t step : {1, 5, 7}) {
        SCOPED_TRACE(fmt::format("stopped after step {}", step));
        const std::string name = fmt::format("stopped{}", step);
        Watcher first, second;
        first.stop_after = step;
        EXPECT_EQ(run<Supervised>(settings(name), first).end, RunEnd::stopped);
        EXPECT_EQ(resume<Supervised>(folder_ / name, second).end, RunEnd::finished);
        EXPECT_EQ(checkpoint_bytes(folder_ / name), checkpoint_bytes(folder_ / "whole"));
        EXPECT_EQ(log_without_times(folder_ / name), log_without_times(folder_ / "whole"));
    }
}

TEST_F(SupervisedRun, TheRateWarmsUp) {
    SupervisedSettings s = settings("run");
    s.optimizer.warmup = 0.8;  // of an epoch of five steps
    s.run.max_steps = 4;
    Watcher watcher;
    run<Supervised>(s, watcher);
    EXPECT_NEAR(watcher.steps[0].lr, 0.025, 1e-6);
    EXPECT_NEAR(watcher.steps[2].lr, 0.075, 1e-6);
}

TEST_F(SupervisedRun, AnotherCommandsRunIsRefusedWithTheRightOne) {
    SupervisedSettings s = settings("supervised");
    s.run.max_steps = 1;
    run<Supervised>(s);
    PretrainSettings p = tiny_run(folder_ / "pretrained");
    p.run.max_steps = 1;
    run(p);
    expect_error([&] { resume_settings<PretrainSettings>(folder_ / "supervised", {}); },
                 {"this is a run of `moco supervised`: `moco supervised --resume ", "goes on with it"});
    expect_error([&] { resume_settings<SupervisedSettings>(folder_ / "pretrained", {}); },
                 {"this is a run of `moco pretrain`: `moco pretrain --resume "});
}

TEST_F(SupervisedRun, NeedsLabelsAndSaysSo) {
    const SupervisedSettings s = settings("run");
    Splits data = open_dataset(s.data.spec);
    Watcher watcher;
    data.test = nullptr;
    run_on<Supervised>(s, data, cpu(), watcher);
    ASSERT_EQ(watcher.notes.size(), 1u);
    EXPECT_THAT(watcher.notes[0], HasSubstr("no labelled test part"));
    EXPECT_FALSE(watcher.epochs[0].evaluation.has_value());

    SupervisedSettings impossible = settings("impossible");
    impossible.bn_splits = 3;
    expect_error([&] { run<Supervised>(impossible); }, {"--bn-splits 3", "--batch-size 16"});
    EXPECT_FALSE(std::filesystem::exists(folder_ / "impossible"));
}

class SupervisedOnDevice : public EachBackend {};

TEST_P(SupervisedOnDevice, AReplayedRunEndsInTheBitsOfAnIssuedOne) {
    if (backend().record([] {}) == nullptr) GTEST_SKIP() << "this device cannot record";
    const TempFolder folder;
    SupervisedSettings s = preset<SupervisedSettings>("cifar");
    s.data.spec = "shapes:24";
    s.views.image_size = 16;
    s.encoder.stem = "cifar-s2", s.encoder.width = 4;
    s.optimizer.batch_size = 8, s.optimizer.epochs = 2, s.optimizer.accumulate = 2;
    s.bn_splits = 2;
    std::vector<std::string> bytes;
    for (const bool graph : {false, true}) {
        s.run.out = (folder / (graph ? "replayed" : "issued")).string();
        s.machine.cuda_graph = graph;
        Watcher watcher;
        run_on<Supervised>(s, open_dataset(s.data.spec), ViewBackends(cpu(), backend()), watcher);
        bytes.push_back(checkpoint_bytes(s.run.out));
    }
    EXPECT_EQ(bytes[0], bytes[1]);
}

MOCO_FOR_EACH_BACKEND(SupervisedOnDevice);

}  // namespace
}  // namespace moco::testing
