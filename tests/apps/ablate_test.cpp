// moco ablate: whole ablations of runs that take a second.
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/apps/ablations.h"

namespace moco::testing {
namespace {

using Json = nlohmann::json;

Json dry_run(const Words& words) {
    Words dry = words;
    dry.insert(dry.begin() + 1, {"--dry-run", "--json"});
    const ProcessResult result = run_moco(dry);
    expect_success(result);
    return Json::parse(result.out, nullptr, false);
}

TEST(AblateCommand, MakesATableOfRunsThatOthersUnderstand) {
    const TempFolder folder;
    const fs::path dir = folder / "ablation";
    const Words words = ablation(dir, {"--sweep", "moco-m=0.9,0.99", "--seeds", "2", "--name", "m"});
    const Json before = dry_run(words);
    EXPECT_EQ(before["runs"], 4);
    EXPECT_EQ(before["to_do"], 4);
    EXPECT_GT(before["hours"], 0);
    EXPECT_GT(before["disk_bytes"], 1e5);
    // Of a folder that is not there yet, here or elsewhere.
    for (const fs::path& named : {dir, fs::path("no-such-folder")}) {
        const Json at = dry_run(ablation(named, {"--sweep", "moco-m=0.9,0.99"}));
        EXPECT_LE(at["free_bytes"].get<double>(), static_cast<double>(fs::space(".").capacity)) << named;
    }
    EXPECT_FALSE(fs::exists(dir)) << "a plan that is only shown writes nothing";

    const ProcessResult result = run_moco(words);
    expect_success(result);
    EXPECT_NE(result.out.find("4 runs, 0 done, 0 begun"), std::string::npos) << result.out;
    EXPECT_NE(result.out.find("| moco-m=0.99 | 2 | "), std::string::npos) << result.out;
    const std::string table = read_bytes(dir / "table.md");
    EXPECT_NE(table.find(" ± "), std::string::npos) << table;
    EXPECT_NE(table.find("*55.2*"), std::string::npos) << "the paper's, of m = 0.9";
    for (const char* file : {"table.csv", "runs.csv", "m.svg", "m-epochs.svg", "plans/m.json"}) {
        EXPECT_TRUE(fs::is_regular_file(dir / file)) << file;
    }
    ASSERT_EQ(runs_in(dir).size(), 4u);
    for (const fs::path& run : runs_in(dir)) {
        EXPECT_TRUE(fs::is_regular_file(run / "eval/knn/results.json")) << run;
        EXPECT_TRUE(fs::is_regular_file(run / "eval/probe/results.json")) << run;
        expect_success(run_moco({"info", run / "checkpoint-last.safetensors"}));
    }

    const auto written = fs::last_write_time(runs_in(dir)[0] / "checkpoint-last.safetensors");
    const Json after = dry_run(words);
    EXPECT_EQ(after["to_do"], 0);
    expect_success(run_moco(words));
    EXPECT_EQ(fs::last_write_time(runs_in(dir)[0] / "checkpoint-last.safetensors"), written) << "nothing is done twice";
}

TEST(AblateCommand, MakesTheRunsThatPretrainMakes) {
    const TempFolder folder;
    const fs::path dir = folder / "ablation";
    expect_success(run_moco(ablation(dir, {"--sweep", "moco-t=0.2", "--seeds", "4,5", "--probe", "none"})));
    ASSERT_EQ(runs_in(dir).size(), 2u);
    Words alone = {"pretrain"};
    alone.insert(alone.end(), kShared.begin(), kShared.end());
    alone.insert(alone.end(), {"--moco-t", "0.2", "--seed", "5", "--threads", "1", "--out", folder / "alone"});
    expect_success(run_moco(alone));
    const std::string expected = read_bytes(folder / "alone" / "checkpoint-last.safetensors");
    EXPECT_TRUE(read_bytes(runs_in(dir)[0] / "checkpoint-last.safetensors") == expected ||
                read_bytes(runs_in(dir)[1] / "checkpoint-last.safetensors") == expected);
    EXPECT_FALSE(fs::exists(runs_in(dir)[0] / "eval/probe"));
}

TEST(AblateCommand, DoesEqualRunsOfSeveralPlansOnce) {
    const TempFolder folder;
    const Json plan = dry_run(ablation(folder / "a", {"--plan", "momentum", "--plan", "temperature", "--seeds", "1"}));
    ASSERT_EQ(plan["plans"].size(), 2u);
    EXPECT_EQ(plan["plans"][0]["runs"], 4);
    EXPECT_EQ(plan["plans"][1]["runs"], 4);
    EXPECT_EQ(plan["runs"], 7) << "m = 0.99 and T = 0.1 are the preset's";
    const Json first = dry_run(
        ablation(folder / "a", {"--plan", "momentum", "--plan", "temperature", "--seeds", "1", "--part", "1/2"}));
    const Json second = dry_run(
        ablation(folder / "a", {"--plan", "momentum", "--plan", "temperature", "--seeds", "1", "--part", "2/2"}));
    EXPECT_EQ(first["runs"], 4);
    EXPECT_EQ(second["runs"], 3);
}

TEST(AblateCommand, TakesFinishedRunsThatLieAnywhere) {
    const TempFolder folder;
    Words alone = {"pretrain"};
    alone.insert(alone.end(), kShared.begin(), kShared.end());
    alone.insert(alone.end(), {"--moco-m", "0.9", "--threads", "1", "--out", folder / "mine/some-name"});
    expect_success(run_moco(alone));
    const fs::path dir = folder / "ablation";
    const ProcessResult result = run_moco(
        ablation(dir, {"--sweep", "moco-m=0.9,0.99", "--seeds", "1", "--probe", "none", "--adopt", folder / "mine"}));
    expect_success(result);
    EXPECT_NE(result.err.find("1 finished runs of"), std::string::npos) << result.err;
    EXPECT_NE(result.out.find("2 runs, 1 done, 0 begun"), std::string::npos) << result.out;
    EXPECT_EQ(runs_in(dir).size(), 2u);
    EXPECT_FALSE(fs::exists(folder / "mine/some-name/eval")) << "what is adopted is copied, not written to";
}

TEST(AblateCommand, SavesAndSaysSoWhenItIsInterrupted) {
    const TempFolder folder;
    const fs::path dir = folder / "ablation";
    const Words words = ablation(dir, {"--sweep", "moco-m=0.9,0.99", "--seeds", "1", "--probe", "none"},
                                 {"--epochs", "4000", "--knn-every", "0"});
    Words program = words;
    program.insert(program.begin(), MOCO_PROGRAM);
    Process process(program);
    for (int i = 0; i < 600 && runs_in(dir).size() < 2; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    process.send(SIGINT);
    const ProcessResult result = process.wait();
    EXPECT_EQ(result.exit_code, 75) << result.out << result.err;
    EXPECT_NE(result.out.find("0 of 2 runs are done"), std::string::npos) << result.out;
    ASSERT_EQ(runs_in(dir).size(), 2u);
    for (const fs::path& run : runs_in(dir)) {
        EXPECT_TRUE(fs::exists(run / "checkpoint-last.safetensors")) << run;
        EXPECT_FALSE(fs::exists(run / "lock")) << "nobody writes there any more";
    }
}

TEST(AblateCommand, GoesOnWithTheOthersWhereARunFails) {
    const TempFolder folder;
    const fs::path dir = folder / "ablation";
    const Words words = ablation(dir, {"--sweep", "moco-m=0.9,0.99", "--seeds", "1", "--probe", "none", "--jobs", "1"});
    expect_success(run_moco(words));
    const fs::path spoiled = runs_in(dir)[0];
    write_bytes(spoiled / "checkpoint-last.safetensors", "not one");
    fs::remove_all(runs_in(dir)[1]);
    const ProcessResult result = run_moco(words);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_NE(result.err.find("1 of 2 runs failed"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("checkpoint-last.safetensors"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("done: moco-m: "), std::string::npos) << "the other one came after it";
    EXPECT_NE(read_bytes(dir / "table.md").find("| 0 of 1 | - |"), std::string::npos);
}

TEST(AblateCommand, JoinsWhatSeveralMachinesDid) {
    const TempFolder folder;
    for (const char* part : {"1/2", "2/2"}) {
        expect_success(
            run_moco(ablation(folder / (part[0] == '1' ? "a" : "b"),
                              {"--sweep", "moco-m=0.9,0.99", "--seeds", "1", "--probe", "none", "--part", part})));
    }
    EXPECT_NE(read_bytes(folder / "a/table.md").find("| 0 of 1 | - |"), std::string::npos);
    const ProcessResult joined = run_moco({"ablate", "--join", folder / "a", folder / "b", "--out", folder / "both"});
    expect_success(joined);
    const std::string table = read_bytes(folder / "both/table.md");
    EXPECT_EQ(table.find("0 of 1"), std::string::npos) << table;
    EXPECT_NE(table.find("| moco-m=0.99 | 1 | "), std::string::npos) << table;
}

TEST(AblateCommand, SaysWhatItCannotDo) {
    const TempFolder folder;
    const fs::path dir = folder / "x";
    expect_sentence(run_moco(ablation(dir, {})), 1, {"needs something to compare", "--plan", "momentum"});
    expect_sentence(run_moco(ablation(dir, {"--sweep", "moko-k=1"})), 1, {"did you mean moco-k?"});
    expect_sentence(run_moco(ablation(dir, {"--plan", "momentun"})), 1, {"did you mean momentum?"});
    expect_sentence(run_moco(ablation(dir, {"--plan", "momentum"}, {"--epoch", "3"})), 1, {"did you mean --epochs?"});
    expect_sentence(run_moco(ablation(dir, {"--plan", "momentum"}, {"--seed", "3"})), 1, {"--seeds"});
    expect_sentence(run_moco(ablation(dir, {"--plan", "momentum"}, {"--out", "y"})), 1, {"--out DIR before the --"});
    expect_sentence(run_moco(ablation(dir, {"--plan", "momentum", "--seeds", "0"})), 1, {"--seeds 0"});
    expect_sentence(run_moco(ablation(dir, {"--plan", "momentum", "--part", "3/2"})), 1, {"--part 3/2"});
    expect_sentence(run_moco(ablation(dir, {"--plan", "momentum", "--probe", "full"})), 1, {"cached or none"});
    expect_sentence(run_moco(ablation(dir, {"--sweep", "moco-k=2"})), 1, {"none of the 1 variants", "moco-k=2"});
    expect_sentence(run_moco(ablation(dir, {"--sweep", "data=folder:nowhere"})), 1, {"nowhere"});
    expect_sentence(run_moco({"ablate", "--join", dir, "--out", folder / "y"}), 1, {"no ablation lies there"});
    expect_sentence(run_moco({"ablate", "--plan", "momentum", "--", "--data", "shapes:64"}), 1, {"--out is missing"});
    EXPECT_FALSE(fs::exists(dir));
}

}  // namespace
}  // namespace moco::testing
