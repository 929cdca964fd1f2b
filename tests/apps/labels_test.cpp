// --labels-from and --test-part, through every command that takes --data.
#include <gmock/gmock.h>

#include <filesystem>

#include "moco/data/png.h"
#include "tests/apps/program.h"
#include "tests/support/npy.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// `count` images of 16 x 16 in each of train/, val/ and test/ of `folder`, all flat; and the lines that label them.
std::string write_flat_images(const fs::path& folder, int count) {
    std::string lines;
    for (const char* part : {"train", "val", "test"}) {
        fs::create_directories(folder / part);
        for (int i = 0; i < count; ++i) {
            Image image(16, 16, 3);
            const std::vector<float> values = formula_values(16 * 16 * 3, static_cast<uint32_t>(i));
            for (size_t p = 0; p < values.size(); ++p) image.pixels[p] = static_cast<uint8_t>(127 + 120 * values[p]);
            const std::string name = std::string(part) + "/" + std::to_string(100 + i) + ".png";
            write_png(folder / name, image);
            lines += name + (i % 2 == 0 ? ",even\n" : ",odd\n");
        }
    }
    return lines;
}

TEST(LabelsFrom, EveryCommandTakesThem) {
    const TempFolder folder;
    const fs::path images = folder / "images", labels = folder / "labels.csv";
    write_bytes(labels, write_flat_images(images, 40) + "train/none.png,odd\n");
    std::vector<std::string> arguments = small_run(
        folder / "run",
        {"--data", images, "--epochs", "1", "--knn-every", "1", "--labels-from", labels, "--test-part", "test"});
    const ProcessResult run = run_moco(arguments);
    expect_success(run);
    EXPECT_THAT(run.out, HasSubstr("name no image in train/ or test/, such as line 41: val/100.png"));
    EXPECT_THAT(run.out, HasSubstr("knn --checkpoint"));
    EXPECT_THAT(run.out, HasSubstr(" --labels-from " + labels.string() + " --test-part test --baselines"));
    EXPECT_THAT(read_bytes(folder / "run/config.toml"), HasSubstr("labels-from = '" + labels.string() + "'"));
    expect_success(run_moco({"pretrain", "--resume", folder / "run", "--epochs", "2"}));
    expect_sentence(run_moco({"pretrain", "--resume", folder / "run", "--epochs", "3", "--test-part", "val"}), 1,
                    {"--test-part val", "the run to resume has test", "may not change"});

    arguments = {"supervised",
                 "--preset",
                 "fashion",
                 "--width",
                 "8",
                 "--batch-size",
                 "16",
                 "--image-size",
                 "16",
                 "--epochs",
                 "1",
                 "--threads",
                 "1",
                 "--data",
                 images,
                 "--labels-from",
                 labels,
                 "--out",
                 folder / "supervised"};
    expect_success(run_moco(arguments));
    const std::vector<std::string> asks = {"--data", images, "--labels-from", labels, "--test-part", "val"};
    for (const char* command : {"knn", "features", "neighbours", "views", "info"}) {
        std::vector<std::string> words = {command};
        words.insert(words.end(), asks.begin(), asks.end());
        const bool looks = command == std::string("views") || command == std::string("info");
        if (!looks) words.insert(words.end(), {"--checkpoint", folder / "run"});
        if (command == std::string("features")) words.insert(words.end(), {"--out", folder / "features"});
        if (command == std::string("neighbours")) words.insert(words.end(), {"--out", folder / "n.png"});
        if (command == std::string("views")) words.insert(words.end(), {"--out", folder / "v.png"});
        const ProcessResult result = run_moco(words);
        expect_success(result);
        EXPECT_THAT(result.out + result.err, HasSubstr("41 lines name no image in train/ or val/"));
        if (command == std::string("info")) {
            EXPECT_THAT(result.out, HasSubstr("40 images, RGB, 2 classes (in val/)"));
        }
        words[4] = "/none.csv";
        expect_sentence(run_moco(words), 1, {"--labels-from /none.csv cannot be opened"});
    }
}

TEST(LabelsFrom, WithoutThemAFlatFolderSaysWhatWouldHelp) {
    const TempFolder folder;
    write_flat_images(folder / "images", 40);
    expect_sentence(
        run_moco({"supervised", "--preset", "fashion", "--data", folder / "images", "--out", folder / "run"}), 1,
        {"has no labels", "--labels-from FILE.csv"});
}

}  // namespace
}  // namespace moco::testing
