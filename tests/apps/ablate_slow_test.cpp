// moco ablate, killed again and again.
#include <csignal>
#include <thread>

#include "tests/apps/ablations.h"

namespace moco::testing {
namespace {

const Words kLong = {"--epochs", "150", "--checkpoint-every-steps", "3", "--knn-every", "50"};

int64_t being_written(const fs::path& dir) {
    const std::vector<fs::path> runs = runs_in(dir);
    return std::count_if(runs.begin(), runs.end(), [](const fs::path& run) { return fs::exists(run / "lock"); });
}

TEST(AblateCommand, GoesOnAfterAKillAtAnyMoment) {
    const TempFolder folder;
    const fs::path dir = folder / "ablation";
    const Words words =
        ablation(dir, {"--sweep", "moco-m=0.9,0.99", "--seeds", "1", "--probe", "none", "--jobs", "2"}, kLong);
    Words program = words;
    program.insert(program.begin(), MOCO_PROGRAM);
    int kills = 0;
    for (int tries = 0; tries < 60; ++tries) {
        Process process(program);
        const auto wait = std::chrono::milliseconds(100);
        while (process.running() && being_written(dir) < 2) std::this_thread::sleep_for(wait);
        for (int i = 0; process.running() && (tries >= 3 || i < 4 + 3 * tries); ++i) std::this_thread::sleep_for(wait);
        if (process.running()) {
            process.send(SIGKILL);
            ++kills;
        }
        const ProcessResult result = process.wait();
        if (result.signal == SIGKILL) continue;
        expect_success(result);
        break;
    }
    EXPECT_GE(kills, 2) << "it was hardly ever interrupted";
    ASSERT_EQ(runs_in(dir).size(), 2u) << kills << " kills";
    Words alone = {"pretrain"};
    alone.insert(alone.end(), kShared.begin(), kShared.end());
    alone.insert(alone.end(), kLong.begin(), kLong.end());
    alone.insert(alone.end(), {"--moco-m", "0.9", "--threads", "1", "--out", folder / "alone"});
    expect_success(run_moco(alone));
    const std::string expected = read_bytes(folder / "alone" / "checkpoint-last.safetensors");
    EXPECT_TRUE(read_bytes(runs_in(dir)[0] / "checkpoint-last.safetensors") == expected ||
                read_bytes(runs_in(dir)[1] / "checkpoint-last.safetensors") == expected)
        << "after " << kills << " kills other bits";
}

}  // namespace
}  // namespace moco::testing
