// The command line itself: help, version, and what happens when it is mistyped.
#include <nlohmann/json.hpp>

#include "tests/apps/program.h"

namespace moco::testing {
namespace {

TEST(Usage, HelpOfEveryCommandSucceeds) {
    const std::vector<std::vector<std::string>> commands = {{},
                                                            {"pretrain"},
                                                            {"supervised"},
                                                            {"ablate"},
                                                            {"views"},
                                                            {"knn"},
                                                            {"features"},
                                                            {"neighbours"},
                                                            {"info"},
                                                            {"convert"},
                                                            {"diff"},
                                                            {"plot"},
                                                            {"compare"},
                                                            {"bench"},
                                                            {"bench", "step"},
                                                            {"bench", "conv"},
                                                            {"bench", "ops"},
                                                            {"bench", "loader"},
                                                            {"bench", "search"}};
    for (std::vector<std::string> command : commands) {
        command.push_back("--help");
        const ProcessResult result = run_moco(command);
        expect_success(result);
        EXPECT_NE(result.out.find("Usage: moco"), std::string::npos) << result.out;
        EXPECT_EQ(result.err, "");
        size_t longest = 0;
        for (size_t at = 0, next; (next = result.out.find('\n', at)) != std::string::npos; at = next + 1) {
            longest = std::max(longest, next - at);
        }
        EXPECT_LE(longest, 120u) << result.out;
    }
}

TEST(Usage, HelpOfPretrainNamesTheReferenceCodesFlags) {
    const std::string help = run_moco({"pretrain", "--help"}).out;
    for (const char* flag : {"--arch",
                             "--epochs",
                             "--batch-size",
                             "--lr",
                             "--schedule",
                             "--[no-]cos",
                             "--wd",
                             "--momentum",
                             "--moco-dim",
                             "--moco-k",
                             "--moco-m",
                             "--moco-t",
                             "--[no-]mlp",
                             "--[no-]aug-plus",
                             "--resume",
                             "--seed",
                             "--preset",
                             "--data",
                             "--width",
                             "--stem",
                             "--bn-splits",
                             "--[no-]symmetric",
                             "--[no-]shuffle-bn",
                             "--lr-per",
                             "--threads",
                             "--workers",
                             "--augment-on",
                             "--device",
                             "--out",
                             "--init",
                             "--max-steps",
                             "--checkpoint-every-steps",
                             "--config"}) {
        EXPECT_NE(help.find(flag), std::string::npos) << flag;
    }
    EXPECT_NE(help.find("[65536]"), std::string::npos) << help;
    EXPECT_NE(help.find("  fashion     --data fashion-mnist"), std::string::npos) << help;
}

TEST(Usage, VersionIsOneLine) {
    const ProcessResult result = run_moco({"--version"});
    expect_success(result);
    EXPECT_TRUE(result.out.starts_with("moco ")) << result.out;
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1);
}

TEST(Usage, InfoTellsTheInstructionSetsThatCanBeTried) {
    const ProcessResult text = run_moco({"info", "--machine"});
    expect_success(text);
    const std::string head = "instruction sets: ";
    const size_t begin = text.out.find(head) + head.size();
    ASSERT_NE(text.out.find(head), std::string::npos) << text.out;
    const std::string best = text.out.substr(begin, text.out.find_first_of(",\n", begin) - begin);
    const ProcessResult json =
        run_process({"/usr/bin/env", "MOCO_TARGET=" + best, MOCO_PROGRAM, "info", "--machine", "--json"}, "");
    expect_success(json);
    EXPECT_NE(json.out.find("\"instruction_set\": \"" + best + "\""), std::string::npos) << json.out;
}

TEST(Usage, MachineCountsTheCoresThatTheProcessMayUse) {
    const ProcessResult result =
        run_process({"/bin/sh", "-c",
                     "core=$(taskset -pc $$ | sed 's/.*: //; s/[-,].*//'); exec taskset -c $core " +
                         std::string(MOCO_PROGRAM) + " info --machine --json"});
    expect_success(result);
    const auto machine = nlohmann::json::parse(result.out);
    EXPECT_EQ(machine["threads"], 1);
    EXPECT_EQ(machine["cores_allowed"], 1);
    EXPECT_GE(machine["cores"], 1);
    EXPECT_TRUE(machine.contains("cores_granted"));
}

TEST(Usage, AMistypedFlagGetsTheNearestOne) {
    expect_sentence(run_moco({"pretrain", "--bach-size", "3"}), 2, {"--bach-size", "did you mean --batch-size?"});
    expect_sentence(run_moco({"knn", "--chekpoint=x"}), 2, {"did you mean --checkpoint?"});
    expect_sentence(run_moco({"bench", "step", "--thread", "3"}), 2, {"moco bench step", "did you mean --threads?"});
    expect_sentence(run_moco({"pretrain", "--completely-unlike"}), 2, {"--completely-unlike", "--help"});
}

TEST(Usage, AMistypedCommandGetsTheNearestOne) {
    expect_sentence(run_moco({"pretrian"}), 2, {"'pretrian'", "did you mean pretrain?"});
    expect_sentence(
        run_moco({"zzzzzzzzzz"}), 2,
        {"'zzzzzzzzzz'", "it has pretrain, probe, finetune, supervised, predict, recipe, ablate, plot, views"});
    expect_sentence(run_moco({}), 2, {"moco needs a subcommand", "pretrain"});
    expect_sentence(run_moco({"bench"}), 2,
                    {"moco bench needs a subcommand: step, classifier, conv, ops, loader, search"});
}

TEST(Usage, WhatIsMissingOrNoNumberIsNamed) {
    expect_sentence(run_moco({"knn"}), 2, {"--checkpoint is required"});
    expect_sentence(run_moco({"pretrain", "--data"}), 2, {"--data needs a value"});
    expect_sentence(run_moco({"bench", "step", "--batch", "many"}), 2, {"--batch = many"});
    expect_sentence(run_moco({"pretrain", "--epochs", "ten"}), 1, {"--epochs", "ten"});
    expect_sentence(run_moco({"pretrain", "surplus"}), 2, {"'surplus'"});
    expect_sentence(run_moco({"pretrain", "--config", "a", "--resume", "b"}), 2, {"--config", "--resume"});
}

TEST(Usage, AFullDiskBehindStandardOutputIsAFailure) {
    const ProcessResult result =
        run_process({"/bin/sh", "-c", std::string("exec '") + MOCO_PROGRAM + "' info --json shapes:8 >/dev/full"});
    expect_sentence(result, 1, {"output", "full"});
}

}  // namespace
}  // namespace moco::testing
