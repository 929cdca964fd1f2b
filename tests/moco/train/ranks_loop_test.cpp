// The loop with several ranks, as threads: one folder, one checkpoint, and what one process computes with as many
// splits.
#include <gtest/gtest.h>

#include "core/communicator.h"
#include "nn/safetensors.h"
#include "tests/moco/runs.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

PretrainSettings settings(const std::filesystem::path& folder) {
    PretrainSettings s = tiny_run(folder);
    s.run.conv = "direct";  // which algorithm is chosen depends on the size of a rank's part
    s.run.max_steps = 4;
    s.optimizer.lr = 0.01;
    s.knn.every = 0;
    s.method.moco_k = 48;         // whole batches: ranks enqueue in another order
    s.method.shuffle_bn = false;  // and shuffle in another
    return s;
}

/// Runs on `ranks` threads; rank 0's summary.
RunSummary run_on_ranks(const PretrainSettings& given, int ranks, Watcher& watcher) {
    RunSummary summary;
    run_on_threads(ranks, [&](Communicator& comm) {
        const PretrainSettings s = given;
        const Splits data = open_dataset(s.data.spec);
        Pretraining task(s, data, cpu(), comm);
        PretrainSettings written = given;
        const SettingTable table = table_of(written);
        std::vector<RunObserver*> observers;
        if (comm.rank() == 0) observers.push_back(&watcher);
        const RunSummary mine = train(task, {"pretrain", written, table}, cpu(), observers, comm, watcher.stop);
        if (comm.rank() == 0) summary = mine;
    });
    return summary;
}

std::vector<float> floats_of(const std::filesystem::path& folder, const std::string& name) {
    const SafetensorsFile file(folder / kLastCheckpoint);
    return file.read_floats(file.at(name));
}

TEST(RanksOnTheLoop, EqualOneProcessWithAsManySplits) {
    const TempFolder folder;
    PretrainSettings whole = settings(folder / "whole"), shared = settings(folder / "shared");
    Watcher alone, together;
    run(whole, alone);
    cpu().set_conv_algorithm(ConvAlgorithm::direct);
    EXPECT_EQ(run_on_ranks(shared, 2, together).step, 4);
    cpu().set_conv_algorithm(ConvAlgorithm::auto_select);
    ASSERT_EQ(together.steps.size(), alone.steps.size());
    for (size_t i = 0; i < alone.steps.size(); ++i) {
        EXPECT_NEAR(together.steps[i].values[0], alone.steps[i].values[0], 1e-4) << "step " << i + 1;
    }
    for (const char* name : {"encoder_q.layer4.1.conv2.weight", "encoder_q.bn1.running_var", "encoder_k.fc.weight"}) {
        const std::vector<float> expected = floats_of(folder / "whole", name);
        EXPECT_LE(error_over_rms(floats_of(folder / "shared", name), expected), 1e-3) << name;
    }
}

TEST(RanksOnTheLoop, AStopOnOneRankStopsAll) {
    const TempFolder folder;
    Watcher watcher;
    watcher.stop_after = 2;
    const RunSummary summary = run_on_ranks(settings(folder / "run"), 2, watcher);
    EXPECT_EQ(summary.end, RunEnd::stopped);
    EXPECT_EQ(summary.step, 2);
    EXPECT_TRUE(has_checkpoint(folder / "run"));
}

}  // namespace
}  // namespace moco::testing
