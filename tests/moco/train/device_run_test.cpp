// Whole runs on every device: the losses of the processor, and bits that a break, a graph or a late report does not
// change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "moco/data/make_views.h"
#include "moco/train/checkpoint.h"
#include "tests/moco/runs.h"
#include "tests/support/expect_error.h"

namespace moco::testing {
namespace {

class DeviceRun : public EachBackend {
  protected:
    /// Small enough for an emulated device; the first kNN would come after the run.
    PretrainSettings config(const std::string& name) const {
        PretrainSettings config = tiny_run(folder_ / name);
        config.views.image_size = 16;
        config.data.spec = "shapes:24";
        config.optimizer.batch_size = 8;
        config.knn.every = 0;
        config.optimizer.lr = 0.01;
        return config;
    }
    /// Views come from the processor, so that all devices train on the same.
    RunSummary run_there(Backend& device, const PretrainSettings& config, Watcher& watcher,
                         RunStart start = RunStart::fresh) {
        const ViewBackends backends = device.name() == "cpu" ? ViewBackends(device) : ViewBackends(cpu(), device);
        return testing::run_on(config, open_dataset(config.data.spec), backends, watcher, start);
    }
    RunSummary run_there(Backend& device, const PretrainSettings& config) {
        Watcher watcher;
        return run_there(device, config, watcher);
    }

    TempFolder folder_;
};

TEST_P(DeviceRun, HasTheLossesOfTheProcessor) {
    // At this temperature the losses do not multiply roundings (at 0.1 two algorithms of the processor differ by 1e-2).
    PretrainSettings there = tiny_run(folder_ / "there");
    there.method.moco_t = 1;
    there.optimizer.lr = 0.01;
    there.knn.every = 0;
    there.run.max_steps = 5;
    PretrainSettings here = there;
    here.run.out = (folder_ / "here").string();
    there.run.log_every = 4;  // reports may come that late, but all of them, in order
    Watcher on_device, on_processor;
    run_there(backend(), there, on_device);
    run_there(cpu(), here, on_processor);
    ASSERT_EQ(on_device.steps.size(), 5u);
    for (size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(on_device.steps[i].step, static_cast<int64_t>(i) + 1);
        EXPECT_NEAR(on_device.steps[i].values[0], on_processor.steps[i].values[0], 1e-4) << "step " << i + 1;
    }
}

TEST_P(DeviceRun, AStoppedRunEndsInTheSameBits) {
    PretrainSettings whole = config("whole"), broken = config("broken");
    run_there(backend(), whole);
    broken.run.max_steps = 3;
    run_there(backend(), broken);
    Watcher watcher;
    run_there(backend(), resume_settings<PretrainSettings>(folder_ / "broken", {{"max-steps", "6"}}), watcher,
              RunStart::resume);
    EXPECT_EQ(watcher.plan.first_step, 4);
    EXPECT_EQ(checkpoint_bytes(folder_ / "broken"), checkpoint_bytes(folder_ / "whole"));
    EXPECT_EQ(log_without_times(folder_ / "broken"), log_without_times(folder_ / "whole"));
}

TEST_P(DeviceRun, AReplayedRunEndsInTheSameBits) {
    if (backend().record([] {}) == nullptr) GTEST_SKIP() << "this device cannot record";
    PretrainSettings issued = config("issued"), replayed = config("replayed");
    replayed.machine.cuda_graph = true;
    run_there(backend(), issued);
    run_there(backend(), replayed);
    EXPECT_EQ(checkpoint_bytes(folder_ / "replayed"), checkpoint_bytes(folder_ / "issued"));
    EXPECT_EQ(log_without_times(folder_ / "replayed"), log_without_times(folder_ / "issued"));
}

TEST_P(DeviceRun, NothingIsSavedAfterALossThatIsNotFinite) {
    PretrainSettings diverging = config("run");
    diverging.optimizer.lr = 1e30;
    diverging.run.log_every = 100;
    diverging.run.checkpoint_every_steps = 4;
    expect_error([&] { run_there(backend(), diverging); }, {"the loss is", "checkpoint-last.safetensors holds step 0"});
    EXPECT_EQ(read_checkpoint_info(folder_ / "run" / kLastCheckpoint).step, 0);
}

MOCO_FOR_EACH_BACKEND(DeviceRun);

}  // namespace
}  // namespace moco::testing
