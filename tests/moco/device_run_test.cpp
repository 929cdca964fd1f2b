// Whole runs on every device: the losses of the processor, and bits that a break, a graph or a late report does not
// change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "moco/checkpoint.h"
#include "moco/data/make_views.h"
#include "tests/moco/runs.h"
#include "tests/support/expect_error.h"

namespace moco::testing {
namespace {

class DeviceRun : public EachBackend {
  protected:
    /// Small enough for an emulated device; the first kNN would come after the run.
    RunConfig config(const std::string& name) const {
        RunConfig config = tiny_run(folder_ / name);
        config.image_size = 16;
        config.data = "shapes:24";
        config.batch_size = 8;
        config.knn_every = 0;
        config.lr = 0.01;
        return config;
    }
    /// Views come from the processor, so that all devices train on the same.
    RunSummary run_on(Backend& device, const RunConfig& config, Watcher& watcher, RunStart start = RunStart::fresh) {
        const ViewBackends backends = device.name() == "cpu" ? ViewBackends(device) : ViewBackends(cpu(), device);
        return pretrain(config, start, open_dataset(config.data), backends, watcher, watcher.stop);
    }
    RunSummary run_on(Backend& device, const RunConfig& config) {
        Watcher watcher;
        return run_on(device, config, watcher);
    }

    TempFolder folder_;
};

TEST_P(DeviceRun, HasTheLossesOfTheProcessor) {
    // At this temperature the losses do not multiply roundings (at 0.1 two algorithms of the processor differ by 1e-2).
    RunConfig there = tiny_run(folder_ / "there");
    there.moco_t = 1;
    there.lr = 0.01;
    there.knn_every = 0;
    there.max_steps = 5;
    RunConfig here = there;
    here.out = (folder_ / "here").string();
    there.log_every = 4;  // reports may come that late, but all of them, in order
    Watcher on_device, on_processor;
    run_on(backend(), there, on_device);
    run_on(cpu(), here, on_processor);
    ASSERT_EQ(on_device.steps.size(), 5u);
    for (size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(on_device.steps[i].step, static_cast<int64_t>(i) + 1);
        EXPECT_NEAR(on_device.steps[i].loss, on_processor.steps[i].loss, 1e-4) << "step " << i + 1;
    }
}

TEST_P(DeviceRun, AStoppedRunEndsInTheSameBits) {
    RunConfig whole = config("whole"), broken = config("broken");
    run_on(backend(), whole);
    broken.max_steps = 3;
    run_on(backend(), broken);
    Watcher watcher;
    run_on(backend(), resume_config(folder_ / "broken", {{"max-steps", "6"}}), watcher, RunStart::resume);
    EXPECT_EQ(watcher.plan.first_step, 4);
    EXPECT_EQ(checkpoint_bytes(folder_ / "broken"), checkpoint_bytes(folder_ / "whole"));
    EXPECT_EQ(log_without_times(folder_ / "broken"), log_without_times(folder_ / "whole"));
}

TEST_P(DeviceRun, AReplayedRunEndsInTheSameBits) {
    if (backend().record([] {}) == nullptr) GTEST_SKIP() << "this device cannot record";
    RunConfig issued = config("issued"), replayed = config("replayed");
    replayed.cuda_graph = true;
    run_on(backend(), issued);
    run_on(backend(), replayed);
    EXPECT_EQ(checkpoint_bytes(folder_ / "replayed"), checkpoint_bytes(folder_ / "issued"));
    EXPECT_EQ(log_without_times(folder_ / "replayed"), log_without_times(folder_ / "issued"));
}

TEST_P(DeviceRun, NothingIsSavedAfterALossThatIsNotFinite) {
    RunConfig diverging = config("run");
    diverging.lr = 1e30;
    diverging.log_every = 100;
    diverging.checkpoint_every_steps = 4;
    expect_error([&] { run_on(backend(), diverging); }, {"the loss is", "checkpoint-last.safetensors holds step 0"});
    EXPECT_EQ(read_checkpoint_info(folder_ / "run" / kLastCheckpoint).progress.step, 0);
}

MOCO_FOR_EACH_BACKEND(DeviceRun);

}  // namespace
}  // namespace moco::testing
