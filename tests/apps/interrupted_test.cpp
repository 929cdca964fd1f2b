// What interrupts a run, and what becomes of it: signals, outputs that nobody reads, full disks, other runs.
#include <csignal>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "tests/apps/program.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kTryAgain = 75;
const std::string kCheckpoint = "checkpoint-last.safetensors";

/// A run in the background, seen to do its first step.
class RunningRun {
  public:
    explicit RunningRun(std::vector<std::string> arguments) : process_(with_program(std::move(arguments))) {
        while (process_.running() && process_.out().find("step 1/") == std::string::npos) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
    Process& process() { return process_; }

  private:
    static std::vector<std::string> with_program(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), MOCO_PROGRAM);
        return arguments;
    }
    Process process_;
};

/// The small run as a command of the shell.
std::string command_of(const std::vector<std::string>& arguments) {
    std::string command = MOCO_PROGRAM;
    for (const std::string& argument : arguments) command += " '" + argument + "'";
    return command;
}

ProcessResult shell(const std::string& command) {
    return run_process({"/bin/sh", "-c", command});
}

TEST(Interrupted, ASignalSavesAndAsksToTryAgain) {
    const TempFolder folder;
    const std::vector<std::string> more = {"--epochs", "40"};
    expect_success(run_moco(small_run(folder / "unbroken", more)));
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
        SCOPED_TRACE(strsignal(signal));
        const fs::path run = folder / std::to_string(signal);
        RunningRun running(small_run(run, more));
        // What a terminal, a shell and a scheduler send together is one request.
        for (int i = 0; i < 3; ++i) running.process().send(signal);
        const ProcessResult result = running.process().wait();
        EXPECT_EQ(result.exit_code, kTryAgain) << "signal " << result.signal << "\n" << result.out << result.err;
        EXPECT_NE(result.out.find("Stopped after step"), std::string::npos) << result.out;
        EXPECT_NE(result.out.find("pretrain --resume " + run.string()), std::string::npos) << result.out;

        const std::string checkpoint = read_bytes(run / kCheckpoint);
        EXPECT_NE(checkpoint, read_bytes(folder / "unbroken" / kCheckpoint));
        expect_success(run_moco({"pretrain", "--resume", run}));
        EXPECT_EQ(read_bytes(run / kCheckpoint), read_bytes(folder / "unbroken" / kCheckpoint))
            << "the resumed run ended in other bits";
    }
}

TEST(Interrupted, NohupKeepsItsWord) {
    const TempFolder folder;
    const std::string command = "trap '' HUP; exec " + command_of(small_run(folder / "run", {"--epochs", "20"}));
    Process process({"/bin/sh", "-c", command});
    while (process.running() && process.out().find("step 1/") == std::string::npos) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    process.send(SIGHUP);
    expect_success(process.wait());
}

TEST(Interrupted, ASecondRunIsToldWhoWritesThere) {
    const TempFolder folder;
    const fs::path run = folder / "run";
    RunningRun first(small_run(run, {"--epochs", "400"}));
    const std::string holder = read_bytes(run / "lock");
    ASSERT_TRUE(holder.starts_with("process ")) << holder;
    const std::string process = holder.substr(0, holder.find(" since"));
    expect_sentence(run_moco({"pretrain", "--resume", run}), 1, {run, "is being written", process});
    expect_sentence(run_moco(small_run(run)), 1, {run, "is being written", process});
    first.process().send(SIGTERM);
    EXPECT_EQ(first.process().wait().exit_code, kTryAgain);
    EXPECT_FALSE(fs::exists(run / "lock"));
}

TEST(Interrupted, AResumeNamesNothingButItsRun) {
    const TempFolder folder;
    for (const char* name : {"R", "S"}) expect_success(run_moco(small_run(folder / name, {"--max-steps", "1"})));
    const std::string settings = read_bytes(folder / "S/config.toml");
    for (const std::string flag : {"--out", "--preset", "--data"}) {
        const std::string value = flag == "--out" ? folder / "S" : flag == "--preset" ? "fashion" : "shapes:64";
        expect_sentence(run_moco({"pretrain", "--resume", folder / "R", flag, value, "--epochs", "4"}), 1,
                        {flag + " " + value, "leave the flag out"});
    }
    EXPECT_EQ(read_bytes(folder / "S/config.toml"), settings);
    expect_success(run_moco({"pretrain", "--resume", folder / "S", "--max-steps", "2"}));
}

TEST(Interrupted, ARunOutlivesWhoReadsIt) {
    const TempFolder folder;
    const fs::path run = folder / "run", status = folder / "status";
    shell("{ " + command_of(small_run(run)) + "; echo $? >" + status.string() + "; } | head -1");
    EXPECT_EQ(read_bytes(status), "0\n");
    EXPECT_EQ(nlohmann::json::parse(run_moco({"info", run, "--json"}).out)["step"], 8);
    // Commands that only report have nothing more to do, and nothing to complain of.
    const ProcessResult report =
        shell("{ " + command_of({"info", run}) + "; echo $? >" + status.string() + "; } | true");
    EXPECT_EQ(read_bytes(status), "0\n");
    EXPECT_EQ(report.err, "");
}

TEST(Interrupted, ClosedDescriptorsAreNoFilesOfTheRun) {
    const TempFolder folder;
    const fs::path run = folder / "run";
    expect_success(shell(command_of(small_run(run)) + " <&- >&- 2>&-"));
    std::istringstream log(read_bytes(run / "metrics.jsonl"));
    int lines = 0;
    for (std::string line; std::getline(log, line); ++lines) EXPECT_TRUE(nlohmann::json::accept(line)) << line;
    EXPECT_EQ(lines, 18);  // eight steps, what diagnostics saw after each, two epochs
}

TEST(Interrupted, AFullDiskIsSaidAndSavesAllTheSame) {
    const TempFolder folder;
    for (const std::string& command :
         {command_of(small_run(folder / "run")), command_of({"info", "--machine"}), command_of({"--help"})}) {
        SCOPED_TRACE(command);
        expect_sentence(shell(command + " >/dev/full"), 1, {"the output could not be written", "full"});
    }
    EXPECT_EQ(nlohmann::json::parse(run_moco({"info", folder / "run", "--json"}).out)["step"], 8);
    EXPECT_EQ(shell(command_of({"info", "--machine"}) + " >/dev/full 2>&1").exit_code, 1);
    EXPECT_EQ(shell(command_of({"info", "nothing"}) + " >/dev/full 2>&1").exit_code, 1);
    // A limit of the size of files looks like a full disk. It falls below a checkpoint: the run cannot begin.
    expect_sentence(shell("ulimit -f 16; exec " + command_of(small_run(folder / "limited"))), 1,
                    {kCheckpoint, "File too large"});
    EXPECT_FALSE(fs::exists(folder / "limited"));
}

TEST(Interrupted, PicturesDoNotTakeThePlaceOfDevices) {
    const TempFolder folder;
    const auto views = [](const std::string& out) {
        return run_moco({"views", "--data", "shapes:8", "--image-size", "16", "--rows", "2", "--out", out});
    };
    expect_sentence(views("/dev/null"), 1, {"/dev/null", "no regular file"});
    write_bytes(folder / "picture.png", "");
    fs::create_symlink("picture.png", folder / "link.png");
    expect_success(views(folder / "link.png"));
    EXPECT_TRUE(fs::is_symlink(folder / "link.png"));
    EXPECT_TRUE(read_bytes(folder / "picture.png").starts_with("\x89PNG"));
}

}  // namespace
}  // namespace moco::testing
