// Sentences where a word is due: notes at a run's start, what another program's command line or file is.
#include <filesystem>

#include "tests/apps/program.h"

namespace moco::testing {
namespace {

void expect_text(const std::string& text, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(Words, AFreshRunSaysWhatItsUserMayWonderAbout) {
    const TempFolder folder;
    const ProcessResult run =
        run_moco(small_run(folder / "run", {"--data", "shapes:70", "--bn-splits", "1", "--image-size", "40"}));
    expect_success(run);
    expect_text(run.out,
                {"--bn-splits 1: the batch is one group", "means nothing in the first 3 steps",
                 "70 images make 4 batches of 16: 6 images, others in every epoch, are left out",
                 "--image-size 40: the images of shapes have 32 x 32 pixels and are enlarged; --image-size 32"});
    const ProcessResult plain = run_moco(small_run(folder / "plain"));
    for (const char* word : {"--bn-splits", "are left out", "enlarged"}) {
        EXPECT_EQ(plain.out.find(word), std::string::npos) << plain.out;
    }
}

TEST(Words, ResumeTakesTheLastCheckpointAndTellsOfALongerCosine) {
    const TempFolder folder;
    expect_success(run_moco(small_run(std::string(folder / "a run"))));
    const std::string last = folder / "a run/checkpoint-last.safetensors";
    const ProcessResult longer = run_moco({"pretrain", "--resume", last, "--epochs", "4"});
    expect_success(longer);
    expect_text(longer.out, {"the cosine schedule now spans 4 epochs instead of 2",
                             "--checkpoint '" + std::string(folder / "a run") + "'"});
    EXPECT_EQ(longer.out.find("means nothing"), std::string::npos) << "not a fresh run";

    std::string config = read_bytes(folder / "a run/config.toml");
    config.replace(config.find("epochs = 4"), 10, "epochs = 3");
    write_bytes(folder / "a run/config.toml", config);
    expect_sentence(run_moco({"pretrain", "--resume", folder / "a run"}), 1,
                    {"epochs = 4", "config.toml says 3", "only make it larger"});
    write_bytes(folder / "weights.pth.tar", std::string("PK\3\4\0\0\b\b and more", 17));
    expect_sentence(run_moco({"pretrain", "--resume", folder / "weights.pth.tar"}), 1,
                    {"--resume takes a run's folder"});
    expect_sentence(run_moco(small_run(folder / "other", {"--init", folder / "weights.pth.tar"})), 1,
                    {"weights.pth.tar", "zip"});
}

TEST(Words, SettingsOfAFileAreBlamedOnIt) {
    const TempFolder folder;
    const std::string file = folder / "settings.toml";
    const auto run = [&](const std::string& text) {
        write_bytes(file, text);
        return run_moco({"pretrain", "--config", file, "--out", folder / "run"});
    };
    expect_sentence(run(""), 1, {"--data is missing", file + " sets nothing"});
    expect_sentence(run("moco-k = 300\n"), 1, {"--data is missing", file + " does not set data"});
    expect_sentence(run("moco-k = 8\ndata = 'shapes:64'\n"), 1,
                    {"--moco-k 8 is smaller than --batch-size 256", file + " does not set batch-size"});
    expect_sentence(run("moco-k = 8\nbatch-size = 16\ndata = 'shapes:64'\n"), 1,
                    {"--moco-k 8", "the settings are those of " + file});
}

TEST(Words, ARunsSettingsThatAreNotWholeListWhatIsMissing) {
    const TempFolder folder;
    const std::string run = folder / "run", file = run + "/config.toml";
    expect_success(run_moco(small_run(run, {"--max-steps", "5"})));
    const std::string whole = read_bytes(file);
    const auto resumed = [&](const std::string& text) {
        write_bytes(file, text);
        return run_moco({"pretrain", "--resume", run});
    };
    expect_sentence(resumed(""), 1, {file + " is not whole, it lacks preset, data, image-size", "settings more"});
    const size_t lr = whole.find("\nlr = "), cos = whole.find("\ncos = ");
    expect_sentence(resumed(whole.substr(0, lr) + whole.substr(cos)), 1, {file + " is not whole, it lacks lr: put"});
    expect_sentence(resumed("task = 'supervised'\n"), 1, {"moco supervised"});
    const std::string limit = "max-steps = 5";
    std::string shorter = whole;
    shorter.replace(shorter.find(limit), limit.size(), "max-steps = 3");
    expect_sentence(resumed(shorter), 1, {"holds step 5", "max-steps = 3", "only make it larger"});
    std::string wrong = whole;
    wrong.replace(wrong.find("moco-k = 40"), 11, "moco-k = 4");
    expect_sentence(resumed(wrong), 1, {"--moco-k 4", "the settings are those of " + file});
    expect_success(resumed(whole));
}

TEST(Words, DataSeenFromElsewhereAreExplained) {
    const TempFolder folder;
    std::filesystem::create_directories(folder / "here/images/a");
    std::filesystem::create_directories(folder / "there");
    expect_success(run_moco({"bench", "loader", "--write", folder / "drawn", "--images", "1", "--rounds", "1", "--size",
                             "16", "--threads", "1"}));
    for (const auto& image : std::filesystem::directory_iterator(folder / "drawn")) {
        std::filesystem::rename(image.path(),
                                std::filesystem::path(folder / "here/images/a") / image.path().filename());
    }
    const std::vector<std::string> more = {"--data", "folder:images", "--max-steps", "1"};
    expect_success(run_moco(small_run(folder / "run", more), folder / "here"));
    expect_sentence(run_moco({"pretrain", "--resume", folder / "run", "--max-steps", "2"}, folder / "there"), 1,
                    {"images", "--data folder:images of this run is seen from the directory", "/there"});
    expect_success(run_moco({"pretrain", "--resume", folder / "run", "--max-steps", "2"}, folder / "here"));
}

TEST(Words, SuggestedCommandsQuotePaths) {
    const TempFolder folder;
    const std::string run = folder / "my run";
    const ProcessResult first = run_moco(small_run(run, {"--max-steps", "1"}));
    expect_success(first);
    expect_text(first.out, {"features --checkpoint '" + run + "' --data shapes:64"});
    expect_sentence(run_moco(small_run(run)), 1, {"`--resume '" + run + "'` goes on"});
    expect_sentence(run_moco({"supervised", "--resume", run}), 1, {"`moco pretrain --resume '" + run + "'` goes on"});
}

TEST(Words, TheReferenceCodesCommandLineGetsTheCommandThatWorks) {
    const ProcessResult result =
        run_moco({"pretrain", "-a", "resnet50", "--seed", "0", "--dist-url", "tcp://localhost:10001",
                  "--multiprocessing-distributed", "--world-size=1", "--rank", "0", "my images"});
    expect_sentence(result, 2,
                    {"drop --dist-url, --multiprocessing-distributed, --world-size, --rank",
                     "`moco pretrain -a resnet50 --seed 0 --data 'folder:my images'`"});
    expect_sentence(run_moco({"pretrain", "--gpu", "0", "--amp", "--data", "shapes:64"}), 2,
                    {"drop --gpu: `moco pretrain --amp --data shapes:64`; it does not know --amp either"});
}

TEST(Words, HelpIsACommandToo) {
    EXPECT_EQ(run_moco({"help"}).out, run_moco({"--help"}).out);
    EXPECT_EQ(run_moco({"help", "pretrain"}).out, run_moco({"pretrain", "--help"}).out);
    EXPECT_EQ(run_moco({"help", "bench", "step"}).out, run_moco({"bench", "step", "--help"}).out);
    expect_sentence(run_moco({"help", "pretrian"}), 2, {"'pretrian'", "did you mean pretrain?"});
}

TEST(Words, LargeSeedsAndLongNamesAreAnswered) {
    const TempFolder folder;
    expect_sentence(run_moco(small_run(folder / "run", {"--seed", "9223372036854775808"})), 1, {"--seed", "2^63 - 1"});
    write_bytes(folder / "c.toml", "learning_rate = 0.1\n");
    expect_sentence(run_moco(small_run(folder / "run", {"--config", folder / "c.toml"})), 1,
                    {"'learning_rate'; did you mean 'lr'?"});
    expect_sentence(run_moco({"pretrain", "--learning_rates", "1"}), 2, {"did you mean --learning-rate?"});
    for (const std::string flag : {"--x", "--k", "--foo", "--"}) {
        EXPECT_EQ(run_moco({"pretrain", flag, "3"}).err.find("did you mean"), std::string::npos) << flag;
    }
}

TEST(Words, ARateThatOverflowsByScalingLeavesNoFolder) {
    const TempFolder folder;
    expect_sentence(run_moco(small_run(folder / "run", {"--data", "shapes:512", "--batch-size", "512", "--moco-k",
                                                        "512", "--lr", "1e38", "--scale-lr"})),
                    1, {"--lr 1e+38 --scale-lr takes the rate 4e+38", "f32"});
    EXPECT_FALSE(std::filesystem::exists(folder / "run"));
}

TEST(Words, BenchmarksAdviseNoFlagsThatTheyLack) {
    const TempFolder folder;
    const std::vector<std::string> bench = {
        "bench", "loader",    "--write", folder / "drawn", "--images", "1", "--rounds", "1", "--size",
        "16",    "--threads", "1",       "--max-pixels",   "100"};
    expect_sentence(run_moco(bench), 1, {"more than --max-pixels 100"});
}

}  // namespace
}  // namespace moco::testing
