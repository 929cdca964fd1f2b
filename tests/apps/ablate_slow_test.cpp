// moco ablate, killed again and again.
#include <csignal>
#include <thread>

#include "tests/apps/ablations.h"

namespace moco::testing {
namespace {

TEST(AblateCommand, GoesOnAfterAKillAtAnyMoment) {
    const TempFolder folder;
    const fs::path dir = folder / "ablation";
    const Words words = ablation(dir, {"--sweep", "moco-m=0.9,0.99", "--seeds", "1", "--probe", "none", "--jobs", "2"},
                                 {"--epochs", "12", "--checkpoint-every-steps", "3", "--knn-every", "6"});
    Words program = words;
    program.insert(program.begin(), MOCO_PROGRAM);
    int kills = 0;
    for (int tries = 0; tries < 60; ++tries) {
        Process process(program);
        const int moments = tries < 3 ? 20 + 3 * tries : 6000;  // tenths of a second
        for (int i = 0; i < moments && process.running(); ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        if (process.running()) {
            process.send(SIGKILL);
            ++kills;
        }
        const ProcessResult result = process.wait();
        if (result.signal == SIGKILL) continue;
        expect_success(result);
        break;
    }
    ASSERT_EQ(runs_in(dir).size(), 2u) << kills << " kills";
    Words alone = {"pretrain"};
    alone.insert(alone.end(), kShared.begin(), kShared.end());
    alone.insert(alone.end(), {"--epochs", "12", "--checkpoint-every-steps", "3", "--knn-every", "6", "--moco-m", "0.9",
                               "--threads", "1", "--out", folder / "alone"});
    expect_success(run_moco(alone));
    const std::string expected = read_bytes(folder / "alone" / "checkpoint-last.safetensors");
    EXPECT_TRUE(read_bytes(runs_in(dir)[0] / "checkpoint-last.safetensors") == expected ||
                read_bytes(runs_in(dir)[1] / "checkpoint-last.safetensors") == expected)
        << "after " << kills << " kills other bits";
    RecordProperty("kills", kills);
}

}  // namespace
}  // namespace moco::testing
