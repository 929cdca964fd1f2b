// A run killed at any moment and resumed ends in the same bits as an unbroken one.
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

#include "tests/apps/program.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;

/// The run's log without times and throughput, the only fields that may differ.
std::vector<nlohmann::json> timeless_log(const fs::path& run) {
    std::vector<nlohmann::json> lines;
    std::istringstream text(read_bytes(run / "metrics.jsonl"));
    for (std::string line; std::getline(text, line);) {
        nlohmann::json object = nlohmann::json::parse(line);
        for (const char* key : {"images_per_s", "seconds", "waited_s"}) object.erase(key);
        lines.push_back(object);
    }
    return lines;
}

const std::vector<std::string> kLongRun = {"--epochs",     "30", "--checkpoint-every-steps", "3", "--knn-every", "7",
                                           "--keep-every", "10", "--knn-baselines"};

class KillEach : public ::testing::TestWithParam<const char*> {};

TEST_P(KillEach, AResumedRunEndsInTheBitsOfAnUnbrokenOne) {
    const TempFolder folder;
    std::vector<std::string> long_run = kLongRun;
    long_run.insert(long_run.end(), {"--mechanism", GetParam(), "--moco-k", "16"});  // of end-to-end the batch
    const fs::path unbroken = folder / "unbroken", broken = folder / "broken";
    const auto began = std::chrono::steady_clock::now();
    expect_success(run_moco(small_run(unbroken, long_run)));
    const double whole = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();

    std::mt19937 random(1);
    std::uniform_real_distribution<double> part(0.02, 0.35);  // of the whole run's time, until the kill
    int kills = 0;
    for (bool finished = false; !finished;) {
        ASSERT_LT(kills, 200) << "the run does not come to its end";
        std::vector<std::string> arguments = {"pretrain",
                                              "--resume",
                                              broken,
                                              "--threads",
                                              kills % 2 == 0 ? "2" : "1",
                                              "--workers",
                                              std::to_string(kills % 3)};
        if (!fs::exists(broken / "config.toml")) arguments = small_run(broken, long_run);
        arguments.insert(arguments.begin(), MOCO_PROGRAM);
        Process process(arguments);
        std::this_thread::sleep_for(std::chrono::duration<double>(part(random) * whole));
        process.send(SIGKILL);
        const ProcessResult result = process.wait();
        finished = result.exit_code == 0;
        if (!finished) {
            ASSERT_EQ(result.signal, SIGKILL) << result.out << result.err;
            ++kills;
        }
    }
    EXPECT_GE(kills, 3) << "the run was hardly ever interrupted";
    EXPECT_EQ(timeless_log(broken), timeless_log(unbroken));
    for (const char* name : {"checkpoint-last.safetensors", "checkpoint-epoch-0010.safetensors",
                             "checkpoint-epoch-0020.safetensors", "checkpoint-epoch-0030.safetensors"}) {
        EXPECT_EQ(read_bytes(broken / name), read_bytes(unbroken / name)) << name;
    }
    RecordProperty("kills", kills);
}

INSTANTIATE_TEST_SUITE_P(Mechanism, KillEach, ::testing::Values("moco", "end-to-end", "memory-bank"),
                         [](const auto& each) { return std::string(each.param).substr(0, 3); });

TEST(Kill, ThreadsAndWorkersDoNotChangeTheBits) {
    const TempFolder folder;
    const std::vector<std::string> run = {"--epochs", "4", "--knn-every", "2"};
    const auto with = [&](const std::string& threads, const std::string& workers) {
        const fs::path place = folder / (threads + "-" + workers);
        std::vector<std::string> flags = run;
        flags.insert(flags.end(), {"--threads", threads, "--workers", workers});
        expect_success(run_moco(small_run(place, flags)));
        return place;
    };
    const fs::path first = with("1", "0");
    for (const auto& [threads, workers] :
         std::vector<std::pair<std::string, std::string>>{{"1", "3"}, {"2", "1"}, {"3", "2"}, {"4", "4"}, {"7", "1"}}) {
        const fs::path other = with(threads, workers);
        EXPECT_EQ(read_bytes(first / "checkpoint-last.safetensors"), read_bytes(other / "checkpoint-last.safetensors"))
            << threads << " threads, " << workers << " workers";
        EXPECT_EQ(timeless_log(first), timeless_log(other)) << threads << " threads, " << workers << " workers";
    }
}

}  // namespace
}  // namespace moco::testing
