// Whole runs that are looked into: they train the same bits, log the same lines after a resume, and count what is
// there.
#include "moco/study/diagnostics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "nn/safetensors.h"
#include "tests/moco/runs.h"

namespace moco::testing {
namespace {

using ::testing::ElementsAre;

class DiagnosticsTest : public EachBackend {
  protected:
    /// Three epochs of forty steps: each part has reported when they are done.
    PretrainSettings config(const std::string& name) const {
        PretrainSettings config = tiny_run(folder_ / name);
        config.data.spec = "shapes:320";
        config.views.image_size = 16;
        config.optimizer.batch_size = 8;
        config.optimizer.epochs = 3;
        config.knn.every = 0;
        config.run.log_every = 10;
        return config;
    }
    /// Slow: what two backends share is tested on one.
    bool emulated() const { return backend().name() != "cpu"; }
    RunEnd run_there(const PretrainSettings& given, RunStart start = RunStart::fresh, int64_t stop_after = -1) {
        const PretrainSettings settings = given;
        validate(settings);
        const ViewBackends backends = emulated() ? ViewBackends(cpu(), backend()) : ViewBackends(cpu());
        const Splits data = open_dataset(settings.data.spec);
        SingleProcess comm;
        Pretraining task(settings, data, backends.trains, comm);
        const auto diagnostics = diagnostics_of(task, settings, data, backends.trains, comm);
        Watcher watcher;
        watcher.stop_after = stop_after;
        PretrainSettings written = settings;
        const SettingTable table = table_of(written);
        return train(task, {"pretrain", settings, table, start, diagnostics.get()}, backends, {&watcher}, comm,
                     watcher.stop)
            .end;
    }
    std::vector<nlohmann::json> lines(const std::string& name, const std::string& type) const {
        std::vector<nlohmann::json> all;
        std::istringstream log(read_bytes(folder_ / name / kMetricsFile));
        for (std::string line; std::getline(log, line);) {
            nlohmann::json object = nlohmann::json::parse(line);
            if (object["type"] == type) all.push_back(object);
        }
        return all;
    }
    /// The tensors of a checkpoint, but for what diagnostics keep there.
    std::string trained(const std::string& name) const {
        const SafetensorsFile file(folder_ / name / kLastCheckpoint);
        std::string bytes;
        for (const TensorEntry& entry : file.entries()) {
            if (entry.name.starts_with(kDiagnosticsPrefix)) continue;
            std::string elements(entry.bytes, '\0');
            file.read(entry, elements.data());
            bytes += entry.name + elements;
        }
        return bytes;
    }

    TempFolder folder_;
};

TEST_P(DiagnosticsTest, LookWithoutTouching) {
    for (const auto& [name, change] : std::vector<std::pair<std::string, std::function<void(PretrainSettings&)>>>{
             {"plain", [](PretrainSettings&) {}},
             {"symmetric", [](PretrainSettings& s) { s.method.symmetric = true; }},
             {"parts", [](PretrainSettings& s) { s.optimizer.accumulate = 2; }}}) {
        if (name != "plain" && emulated()) continue;
        SCOPED_TRACE(name);
        PretrainSettings on = config(name + "-on"), off = config(name + "-off");
        change(on), change(off);
        off.diagnostics = false;
        const int64_t steps = emulated() ? 20 : 120;
        on.run.max_steps = off.run.max_steps = steps;
        run_there(on), run_there(off);
        EXPECT_EQ(trained(name + "-on"), trained(name + "-off"));
        EXPECT_TRUE(lines(name + "-off", "diagnostics").empty());

        const auto reports = lines(name + "-on", "diagnostics");
        ASSERT_EQ(std::ssize(reports), steps / 10);
        const int64_t directions = on.method.symmetric ? 2 : 1;
        for (const auto& report : reports) {
            EXPECT_NEAR(report["chance_loss"].get<double>(), static_cast<double>(directions) * std::log(41), 1e-9);
            EXPECT_GT(report["gradient_norm"].get<double>(), 0);
            int64_t positives = 0, negatives = 0;
            for (const int64_t count : report["positives"]["counts"]) positives += count;
            for (const int64_t count : report["negatives"]["counts"]) negatives += count;
            EXPECT_EQ(positives, 8 / on.optimizer.accumulate);  // the whole batch, or its first part
            EXPECT_EQ(negatives, 40 * positives);
            EXPECT_EQ(report.contains("query_key_cosine"), report["step"].get<int64_t>() % 20 == 0);
            EXPECT_EQ(report.contains("effective_rank"), report["step"].get<int64_t>() == 100);
        }
        if (emulated()) continue;
        const auto& last = reports[9];
        const int64_t age = 40 / (8 * directions);
        EXPECT_EQ(last["queue_age"].get<double>(), std::ceil(40.0 / static_cast<double>(8 * directions)));
        EXPECT_EQ(last["queue_random"].get<double>(), 0);
        EXPECT_EQ(last["consistency"]["age"].size(), age >= 4 ? 3u : 2u);
        EXPECT_GT(last["queue_same_class"].get<double>(), 0);
    }
}

TEST_P(DiagnosticsTest, AResumedRunLogsTheSameLines) {
    run_there(config("whole"));
    for (const int64_t step : emulated() ? std::vector<int64_t>{60} : std::vector<int64_t>{19, 60, 95}) {
        const std::string name = fmt::format("stopped{}", step);
        EXPECT_EQ(run_there(config(name), RunStart::fresh, step), RunEnd::stopped);
        EXPECT_EQ(run_there(config(name), RunStart::resume), RunEnd::finished);
        EXPECT_EQ(checkpoint_bytes(folder_ / name), checkpoint_bytes(folder_ / "whole")) << step;
        EXPECT_EQ(log_without_times(folder_ / name), log_without_times(folder_ / "whole")) << step;
    }
}

TEST_P(DiagnosticsTest, MayBeSwitchedOnAndOffOnTheWay) {
    if (emulated()) GTEST_SKIP();
    PretrainSettings first = config("on-off"), second = config("off-on");
    second.diagnostics = false;
    for (PretrainSettings* settings : {&first, &second}) {
        settings->run.max_steps = 50;
        run_there(*settings);
        settings->diagnostics = !settings->diagnostics, settings->run.max_steps = 0;
        run_there(*settings, RunStart::resume);
    }
    EXPECT_EQ(lines("on-off", "diagnostics").size(), 5u);
    EXPECT_EQ(lines("off-on", "diagnostics").size(), 7u);
    EXPECT_EQ(trained("on-off"), trained("off-on"));
}

TEST_P(DiagnosticsTest, AnAlarmIsRaisedOnce) {
    PretrainSettings large = config("large");
    large.method.moco_k = 400;  // of 320 images
    run_there(large, RunStart::fresh, 50);
    run_there(large, RunStart::resume);
    const auto alarms = lines("large", "alarm");
    ASSERT_EQ(alarms.size(), 1u);
    EXPECT_EQ(alarms[0]["alarm"], "large-queue");
    EXPECT_EQ(alarms[0]["step"], 10);  // the first that is looked at
}

MOCO_FOR_EACH_BACKEND(DiagnosticsTest);

// Two ranks' first rank reports what one process with as many splits does.
TEST(DiagnosticsOnRanks, KnowTheImagesOfAllRanks) {
    const TempFolder folder;
    PretrainSettings settings = tiny_run(folder / "run");
    settings.data.spec = "shapes:320";
    settings.views.image_size = 16;
    settings.method.moco_k = 320;
    settings.knn.every = 0;
    settings.run.max_steps = 100;
    settings.optimizer.epochs = 10;
    run_on_threads(2, [&](Communicator& comm) {
        const Splits data = open_dataset(settings.data.spec);
        Pretraining task(settings, data, cpu(), comm);
        const auto diagnostics = diagnostics_of(task, settings, data, cpu(), comm);
        PretrainSettings written = settings;
        const SettingTable table = table_of(written);
        StopFlag stop = false;
        train(task, {"pretrain", written, table, RunStart::fresh, diagnostics.get()}, cpu(), {}, comm, stop);
    });
    // An epoch is 20 steps of 16 images: before step 100 the queue holds the keys of the last 320 images that were
    // read, of which 304 are this epoch's and 16 are the last of the epoch before.
    std::istringstream log(read_bytes(folder / "run" / kMetricsFile));
    nlohmann::json last;
    for (std::string line; std::getline(log, line);) {
        if (const auto object = nlohmann::json::parse(line); object.contains("queue_age")) last = object;
    }
    EXPECT_EQ(last["step"], 100);
    EXPECT_EQ(last["queue_age"].get<double>(), 20);
    EXPECT_LE(last["queue_same_image"].get<double>(), 16.0 / 320);
    EXPECT_NEAR(last["queue_same_class"].get<double>(), 0.1, 0.03);
}

}  // namespace
}  // namespace moco::testing
