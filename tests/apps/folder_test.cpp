// A folder of images, one of them corrupt; and weights from elsewhere.
#include <algorithm>
#include <filesystem>

#include "moco/data/png.h"
#include "nn/safetensors.h"
#include "tests/apps/program.h"
#include "tests/support/npy.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;

/// `count` images of 24 x 20 in two classes below folder/train and folder/test.
void write_images(const fs::path& folder, int count) {
    for (const char* part : {"train", "test"}) {
        for (int i = 0; i < count; ++i) {
            const fs::path place = folder / part / (i % 2 == 0 ? "even" : "odd");
            fs::create_directories(place);
            Image image(20, 24, 3);
            const std::vector<float> values = formula_values(20 * 24 * 3, static_cast<uint32_t>(i));
            for (size_t p = 0; p < values.size(); ++p) image.pixels[p] = static_cast<uint8_t>(127 + 120 * values[p]);
            write_png(place / (std::to_string(100 + i) + ".png"), image);
        }
    }
}

std::vector<std::string> folder_run(const fs::path& images, const fs::path& out) {
    return small_run(out, {"--data", images, "--aug", "v2", "--epochs", "1", "--knn-every", "1"});
}

TEST(Folder, ACorruptImageIsReplacedCountedAndNamed) {
    const TempFolder folder;
    write_images(folder / "images", 40);
    const fs::path corrupt = folder / "images/train/odd/101.png";
    write_bytes(corrupt, read_bytes(corrupt).substr(0, 200));
    const ProcessResult result = run_moco(folder_run(folder / "images", folder / "run"));
    expect_success(result);
    EXPECT_NE(result.out.find("101.png"), std::string::npos) << result.out;
    EXPECT_NE(result.out.find("1 unreadable image"), std::string::npos) << result.out;
    const std::string metrics = read_bytes(folder / "run/metrics.jsonl");
    EXPECT_NE(metrics.find("\"skipped_images\":1"), std::string::npos) << metrics;
    EXPECT_NE(metrics.find("101.png"), std::string::npos) << metrics;

    const ProcessResult features = run_moco(
        {"features", "--checkpoint", folder / "run", "--data", folder / "images", "--out", folder / "features"});
    expect_success(features);
    EXPECT_NE(features.err.find("101.png"), std::string::npos) << features.err;
    EXPECT_EQ(read_npy(folder / "features/features.npy").shape[0], 39);
    const std::string paths = read_bytes(folder / "features/paths.txt");
    EXPECT_NE(paths.find("100.png"), std::string::npos);
    EXPECT_EQ(paths.find("101.png"), std::string::npos);
}

TEST(Folder, ImagesOfNoOrTooManyPixelsEndNoCommand) {
    const TempFolder folder;
    const fs::path images = folder / "images";
    write_images(images, 40);
    write_png(images / "train/odd/large.png", Image(20, 25, 3));
    std::string empty = read_bytes(golden_path("decode/rgb.bmp"));
    for (size_t i = 18; i < 22; ++i) empty[i] = '\0';
    write_bytes(images / "train/odd/empty.bmp", empty);
    std::vector<std::string> pretrain = folder_run(images, folder / "run");
    pretrain.insert(pretrain.end(), {"--max-pixels", "480"});
    expect_success(run_moco(pretrain));
    const ProcessResult features = run_moco({"features", "--checkpoint", folder / "run", "--data", images, "--out",
                                             folder / "features", "--max-pixels", "480"});
    expect_success(features);
    EXPECT_NE(features.err.find("500 pixels, more than --max-pixels 480"), std::string::npos) << features.err;
    EXPECT_NE(features.err.find("empty.bmp: an image of 0 x 19 has no pixels"), std::string::npos) << features.err;
    expect_success(run_moco({"views", "--data", images, "--out", folder / "views.png", "--max-pixels", "480"}));
    for (const char* command : {"features", "views"}) {
        std::vector<std::string> arguments = {command, "--data", images, "--out", folder / "x", "--max-pixels", "0"};
        if (arguments[0] == "features") arguments.insert(arguments.end(), {"--checkpoint", folder / "run"});
        expect_sentence(run_moco(arguments), 1, {"--max-pixels 0", "500000000"});
    }
}

/// `count` grey images of 12 bits in files of 16, 24 x 20, in two classes below folder/train and folder/test.
void write_deep_images(const fs::path& folder, int count) {
    for (const char* part : {"train", "test"}) {
        for (int i = 0; i < count; ++i) {
            const fs::path place = folder / part / (i % 2 == 0 ? "even" : "odd");
            fs::create_directories(place);
            std::string file = "P5 24 20 65535\n";
            for (int value = 0; value < 24 * 20; ++value) {
                const int deep = (value * 37 + i * 101) % 4096;
                file += {static_cast<char>(deep >> 8), static_cast<char>(deep)};
            }
            write_bytes(place / (std::to_string(100 + i) + ".pgm"), file);
        }
    }
}

int64_t count_of(const std::string& text, const std::string& part) {
    int64_t count = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

TEST(Folder, ImagesThatUseOnlyLowBitsOf16AreToldOnceAndSpreadWhereAsked) {
    const TempFolder folder;
    const fs::path images = folder / "images";
    write_deep_images(images, 40);
    const ProcessResult plain = run_moco(folder_run(images, folder / "plain"));
    expect_success(plain);
    EXPECT_EQ(count_of(plain.out, "of the 16-bit values 0..65535 this image has only"), 1) << plain.out;
    EXPECT_NE(plain.out.find(".pgm: of the 16-bit"), std::string::npos) << plain.out;

    std::vector<std::string> pretrain = folder_run(images, folder / "run");
    pretrain.insert(pretrain.end(), {"--depth-range", "0:4095"});
    const ProcessResult run = run_moco(pretrain);
    expect_success(run);
    EXPECT_EQ(run.out.find("16-bit"), std::string::npos) << run.out;
    EXPECT_NE(run.out.find(" --depth-range 0:4095"), std::string::npos) << run.out;  // of the next commands
    EXPECT_NE(read_bytes(folder / "run/config.toml").find("depth-range = '0:4095'"), std::string::npos);
    expect_sentence(run_moco({"pretrain", "--resume", folder / "run", "--epochs", "2", "--depth-range", "0:1000"}), 1,
                    {"--depth-range 0:1000", "0:4095", "may not change"});
    expect_success(run_moco({"pretrain", "--resume", folder / "run", "--epochs", "2"}));

    for (const char* command : {"features", "knn", "neighbours", "views"}) {
        std::vector<std::string> arguments = {command, "--data", images};
        if (command != std::string("views")) arguments.insert(arguments.end(), {"--checkpoint", folder / "run"});
        if (command != std::string("knn")) arguments.insert(arguments.end(), {"--out", folder / "out.png"});
        const ProcessResult without = run_moco(arguments);
        expect_success(without);
        EXPECT_EQ(count_of(without.err, "of the 16-bit values"), 1) << command << without.err;
        arguments.insert(arguments.end(), {"--depth-range", "0:4095"});
        fs::remove_all(folder / "out.png");
        const ProcessResult with = run_moco(arguments);
        expect_success(with);
        EXPECT_EQ(with.err.find("16-bit"), std::string::npos) << command << with.err;
        arguments.back() = "4095:4095";
        expect_sentence(run_moco(arguments), 1, {"--depth-range 4095:4095", "LO:HI"});
        fs::remove_all(folder / "out.png");
    }
}

TEST(Folder, WhetherExifIsHonouredIsASettingOfTheRun) {
    const TempFolder folder;
    const fs::path images = folder / "images";
    write_images(images, 40);
    std::vector<std::string> pretrain = folder_run(images, folder / "run");
    pretrain.insert(pretrain.end(), {"--exif", "honour"});
    const ProcessResult run = run_moco(pretrain);
    expect_success(run);
    EXPECT_NE(run.out.find(" --exif honour"), std::string::npos) << run.out;
    expect_sentence(run_moco({"pretrain", "--resume", folder / "run", "--epochs", "2", "--exif", "ignore"}), 1,
                    {"--exif ignore", "honour", "may not change"});
    for (const char* value : {"honour", "yes"}) {
        const ProcessResult features = run_moco({"features", "--checkpoint", folder / "run", "--data", images, "--out",
                                                 folder / "features", "--exif", value});
        if (value == std::string("honour")) {
            expect_success(features);
        } else {
            expect_sentence(features, 1, {"--exif yes", "ignore", "honour"});
        }
    }
}

TEST(Folder, NothingButCorruptImagesIsAFailure) {
    const TempFolder folder;
    write_images(folder / "images", 40);
    for (const auto& entry : fs::recursive_directory_iterator(folder / "images")) {
        if (entry.is_regular_file()) write_bytes(entry.path(), "no image");
    }
    const ProcessResult result = run_moco(folder_run(folder / "images", folder / "run"));
    expect_sentence(result, 1, {".png"});
}

TEST(Folder, KnnWithoutTestLabelsIsRefusedBeforeAnyFeature) {
    const TempFolder folder;
    write_images(folder / "images", 40);
    expect_success(run_moco(folder_run(folder / "images", folder / "run")));
    const fs::path test = folder / "images/test";
    for (const char* name : {"even", "odd"}) {
        for (const auto& entry : fs::directory_iterator(test / name)) fs::rename(entry, test / entry.path().filename());
        fs::remove(test / name);
    }
    // Features would have to be made of this one, and say so.
    write_bytes(folder / "images/train/odd/101.png", "no image");
    const ProcessResult result =
        run_moco({"knn", "--checkpoint", folder / "run", "--data", folder / "images", "--baselines"});
    expect_sentence(result, 1, {"test/", "no labels", "kNN"});

    const ProcessResult info = run_moco({"info", folder / "images"});
    expect_success(info);
    EXPECT_NE(info.out.find("40 images, RGB, 2 classes (in train/)"), std::string::npos) << info.out;
    EXPECT_NE(info.out.find("40 images, RGB, unlabelled (in test/)"), std::string::npos) << info.out;
}

TEST(Folder, WhatIsLeftOutIsSaid) {
    const TempFolder folder;
    write_images(folder / "images", 40);
    write_bytes(folder / "images/train/README", "Words about these images.");
    const ProcessResult run = run_moco(folder_run(folder / "images", folder / "run"));
    expect_success(run);
    EXPECT_NE(run.out.find("1 file that is no image is ignored (README)"), std::string::npos) << run.out;
    EXPECT_EQ(run.out.find("unreadable"), std::string::npos) << run.out;
    const std::string json = run_moco({"info", folder / "images", "--json"}).out;
    EXPECT_NE(json.find("1 file that is no image is ignored (README)"), std::string::npos) << json;
    EXPECT_NE(json.find("\"folder\": \"train/\""), std::string::npos) << json;
}

TEST(Folder, AClassNameThatIsNoUtf8DoesNotBreakJson) {
    const TempFolder folder;
    write_images(folder / "images", 40);
    for (const char* part : {"train", "test"})
        fs::rename(folder / "images" / part / "odd", folder / "images" / part / "o\xE9");
    const ProcessResult info = run_moco({"info", folder / "images", "--json"});
    expect_success(info);
    EXPECT_NE(info.out.find("\"o\xEF\xBF\xBD\""), std::string::npos) << info.out;
    write_bytes(folder / "images/train/o\xE9/101.png", "no image");
    expect_success(run_moco(folder_run(folder / "images", folder / "run")));
}

TEST(Folder, ANewlineInANameStaysOneLineOfPaths) {
    const TempFolder folder;
    write_images(folder / "images", 40);
    const fs::path odd = folder / "images/train/odd";
    fs::rename(odd / "101.png", odd / "1\n0\\1.png");
    fs::rename(odd / "103.png", odd / "10\"3.png");
    expect_success(run_moco(folder_run(folder / "images", folder / "run")));
    expect_success(run_moco(
        {"features", "--checkpoint", folder / "run", "--data", folder / "images", "--out", folder / "features"}));
    const std::string paths = read_bytes(folder / "features/paths.txt");
    EXPECT_EQ(std::count(paths.begin(), paths.end(), '\n'), 40) << paths;
    EXPECT_NE(paths.find("\n\"train/odd/1\\n0\\\\1.png\"\n"), std::string::npos) << paths;
    EXPECT_NE(paths.find("\ntrain/odd/10\"3.png\n"), std::string::npos) << paths;
}

TEST(Folder, AResumeWithFilesOfOtherNamesIsSaid) {
    const TempFolder folder;
    write_images(folder / "images", 40);
    expect_success(run_moco(folder_run(folder / "images", folder / "run")));
    const std::vector<std::string> resume = {"pretrain", "--resume", folder / "run", "--epochs"};
    const auto resumed = [&](const char* epochs) {
        std::vector<std::string> arguments = resume;
        arguments.push_back(epochs);
        const ProcessResult result = run_moco(arguments);
        expect_success(result);
        return result.out.find("have other names now") != std::string::npos;
    };
    EXPECT_FALSE(resumed("2"));
    const fs::path odd = folder / "images/train/odd";
    fs::rename(odd / "101.png", odd / "renamed.png");
    EXPECT_TRUE(resumed("3"));
    EXPECT_FALSE(resumed("4"));  // the checkpoint since then has the names that are there now
}

TEST(Folder, KnnIsSuggestedOnlyWhereItCanRun) {
    const TempFolder folder;
    write_images(folder / "images", 40);
    EXPECT_NE(run_moco(folder_run(folder / "images", folder / "run")).out.find(" knn "), std::string::npos);
    const ProcessResult alone = run_moco(folder_run(folder / "images/train", folder / "alone"));
    expect_success(alone);
    EXPECT_EQ(alone.out.find(" knn "), std::string::npos) << alone.out;
    EXPECT_EQ(alone.out.find(" neighbours "), std::string::npos) << alone.out;
    EXPECT_NE(alone.out.find(" features "), std::string::npos) << alone.out;
}

TEST(Folder, ViewsOfOneImageSaysOne) {
    const TempFolder folder;
    write_images(folder / "images", 1);
    const ProcessResult result = run_moco({"views", "--data", folder / "images", "--out", folder / "views.png"});
    expect_success(result);
    EXPECT_NE(result.out.find(" 1 image with 3 pairs of views (recipe"), std::string::npos) << result.out;
}

TEST(Folder, DataIsNamedOnce) {
    const TempFolder folder;
    const std::vector<std::string> twice = {"--data", "shapes:64", "--data", "shapes:32"};
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"pretrain", "--out", folder / "run"},
                                               {"info"},
                                               {"knn", "--checkpoint", "x"},
                                               {"views", "--out", "x.png"}}) {
        std::vector<std::string> arguments = command;
        arguments.insert(arguments.end(), twice.begin(), twice.end());
        expect_sentence(run_moco(arguments), 2, {command[0], "--data is given more than once"});
    }
}

TEST(Folder, CheckpointsThatAreOnlyStandInsAreNamed) {
    const TempFolder folder;
    const std::string pointer = folder / "pointer.safetensors", link = folder / "link.safetensors";
    write_bytes(pointer, "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n");
    fs::create_symlink(".git/annex/objects/7", link);
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"info"}, {"knn", "--data", "shapes:64", "--checkpoint"}}) {
        std::vector<std::string> arguments = command;
        arguments.push_back(pointer);
        expect_sentence(run_moco(arguments), 1, {pointer, "Git LFS pointer", "git lfs pull"});
        arguments.back() = link;
        expect_sentence(run_moco(arguments), 1, {link, "symbolic link to .git/annex/objects/7", "git annex get"});
    }
}

TEST(Folder, WeightsInTorchvisionsNamingGiveTheFeaturesOfTheirCheckpoint) {
    const TempFolder folder;
    write_images(folder / "images", 40);
    expect_success(run_moco(folder_run(folder / "images", folder / "run")));
    // encoder_q without its prefix and its head: what torchvision's own files look like.
    const SafetensorsFile checkpoint(folder / "run/checkpoint-last.safetensors");
    std::vector<TensorItem> items;
    for (const TensorEntry& entry : checkpoint.entries()) {
        const std::string prefix = "encoder_q.";
        if (!entry.name.starts_with(prefix) || entry.name.starts_with(prefix + "fc.")) continue;
        items.push_back({entry.name.substr(prefix.size()), entry.dtype, entry.shape, [&checkpoint, entry] {
                             std::vector<std::byte> bytes(entry.bytes);
                             checkpoint.read(entry, bytes.data());
                             return bytes;
                         }});
    }
    write_safetensors(folder / "bare.safetensors", {}, items);
    const auto features_of = [&](const std::string& file, const std::vector<std::string>& more) {
        std::vector<std::string> arguments = {
            "features",    "--checkpoint",      file,    "--data",           folder / "images",
            "--transform", "resize-crop:20:16", "--out", folder / "features"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const ProcessResult result = run_moco(arguments);
        expect_success(result);
        return read_npy(folder / "features/features.npy");
    };
    const NpyArray ours = features_of(folder / "run", {});
    const NpyArray bare = features_of(folder / "bare.safetensors", {"--arch", "resnet18", "--stem", "cifar-s2"});
    EXPECT_EQ(ours.shape, (std::vector<int64_t>{40, 64}));
    EXPECT_EQ(bare.shape, ours.shape);
    EXPECT_EQ(bare.values, ours.values);

    const std::vector<std::string> without = {"features",        "--checkpoint", folder / "bare.safetensors", "--data",
                                              folder / "images", "--out",        folder / "features"};
    expect_success(run_moco(without));
    std::vector<std::string> wrong = without;
    wrong.insert(wrong.end(), {"--arch", "resnet50"});
    expect_sentence(run_moco(wrong), 1, {"bare.safetensors"});
    std::vector<std::string> projection = without;
    projection.insert(projection.end(), {"--arch", "resnet18", "--layer", "projection"});
    expect_sentence(run_moco(projection), 1, {"--layer projection", "bare.safetensors"});
}

}  // namespace
}  // namespace moco::testing
