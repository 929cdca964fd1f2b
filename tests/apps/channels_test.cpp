// --channels, through every command that takes --data: a folder of .npy files of five channels.
#include <gmock/gmock.h>

#include <filesystem>

#include "nn/npy.h"
#include "tests/apps/program.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr int64_t kSide = 16, kChannels = 5;

std::string image_bytes(uint32_t salt, int64_t channels) {
    std::string bytes = npy_header("|u1", {kSide, kSide, channels});
    for (const float value : formula_values(kSide * kSide * channels, salt)) {
        bytes += static_cast<char>(127 + 120 * value);
    }
    return bytes;
}

/// Two classes in train/ and val/; one image of train/ has a channel too few.
void write_images(const fs::path& folder) {
    for (const char* part : {"train", "val"}) {
        for (int i = 0; i < 40; ++i) {
            const fs::path file = folder / part / (i % 2 == 0 ? "even" : "odd") / (std::to_string(100 + i) + ".npy");
            fs::create_directories(file.parent_path());
            write_bytes(file, image_bytes(static_cast<uint32_t>(i), kChannels));
        }
    }
    write_bytes(folder / "train/even/100.npy", image_bytes(0, kChannels - 1));
}

TEST(Channels, EveryCommandTakesArraysOfFive) {
    const TempFolder folder;
    const std::string images = folder / "images", run = folder / "run";
    write_images(images);
    const std::vector<std::string> data = {"--data", images, "--channels", "5"};
    const auto with_data = [&](std::vector<std::string> arguments, const std::vector<std::string>& more) {
        arguments.insert(arguments.end(), data.begin(), data.end());
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run_moco(arguments);
    };
    std::vector<std::string> small = small_run(run, data);
    const ProcessResult refused = run_moco(small);
    expect_sentence(refused, 1, {"--channels 5", "--jitter-p 0"});
    small.insert(small.end(), {"--jitter-p", "0", "--grayscale-p", "0", "--epochs", "1"});
    const ProcessResult trained = run_moco(small);
    expect_success(trained);
    EXPECT_THAT(trained.out + trained.err, HasSubstr("even/100.npy: the array of shape 16x16x4 has 4 channels"));
    EXPECT_THAT(run_moco({"info", run}).out, HasSubstr("trained on folder (5-channel)"));

    const ProcessResult knn = with_data({"knn", "--checkpoint", run, "--threads", "1"}, {});
    expect_success(knn);
    EXPECT_THAT(knn.out, HasSubstr("40 images vote on 40"));
    EXPECT_THAT(knn.err, HasSubstr("left out: " + images + "/train/even/100.npy"));
    expect_success(with_data({"probe", "--checkpoint", run, "--threads", "1"},
                             {"--epochs", "1", "--schedule", "1", "--batch-size", "8", "--lr", "1"}));
    const ProcessResult predicted =
        run_moco({"predict", "--run", run + "/eval/probe", images + "/val/odd", "--threads", "1"});
    expect_success(predicted);
    EXPECT_THAT(predicted.out, HasSubstr("val/odd/101.npy"));
    const ProcessResult proposed = with_data({"recipe", "--hours", "0.001", "--threads", "1"}, {});
    expect_success(proposed);
    EXPECT_THAT(proposed.out, HasSubstr("5-channel images, 16 x 16 pixels"));
    EXPECT_THAT(proposed.out, HasSubstr("--jitter-p 0 --grayscale-p 0"));
}

}  // namespace
}  // namespace moco::testing
