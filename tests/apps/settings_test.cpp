// Settings that cannot work: each ends in one sentence that names the flag, before anything is written.
#include <filesystem>
#include <fstream>

#include "tests/apps/program.h"

namespace moco::testing {
namespace {

struct Impossible {
    std::vector<std::string> flags;
    std::vector<std::string> texts;
};

TEST(Settings, ImpossibleOnesEndInASentence) {
    const std::vector<Impossible> table = {
        {{"--moco-k", "8"}, {"--moco-k 8", "--batch-size 16"}},
        {{"--symmetric", "--moco-k", "31"}, {"--moco-k 31", "--symmetric"}},
        {{"--bn-splits", "3"}, {"--bn-splits 3", "--batch-size 16"}},
        {{"--bn-splits", "0"}, {"--bn-splits"}},
        {{"--arch", "resnet19"}, {"resnet19", "resnet18"}},
        {{"--stem", "cifer"}, {"cifer", "cifar"}},
        {{"--stem-init", "xavier"}, {"xavier"}},
        {{"--width", "0"}, {"--width"}},
        {{"--stem", "imagenet", "--image-size", "4"}, {"--image-size 4"}},
        {{"--aug", "v9"}, {"v9"}},
        {{"--preset", "fasion"}, {"fasion", "fashion"}},
        {{"--batch-size", "1000", "--moco-k", "4096", "--bn-splits", "1"}, {"--batch-size 1000", "64 images"}},
        {{"--batch-size", "0"}, {"--batch-size"}},
        {{"--bn-splits", "16"}, {"--bn-splits", "one image a split", "--image-size 16"}},
        {{"--lr", "-1"}, {"--lr"}},
        {{"--lr", "1e39"}, {"--lr 1e+39", "f32"}},
        {{"--moco-t", "1e-46"}, {"--moco-t 1e-46", "f32"}},
        {{"--moco-t", "0"}, {"--moco-t"}},
        {{"--moco-m", "1.5"}, {"--moco-m"}},
        {{"--epochs", "0"}, {"--epochs"}},
        {{"--crop-min", "2"}, {"--crop-min"}},
        {{"--lr-per", "day"}, {"--lr-per"}},
        {{"--seed", "-1"}, {"--seed"}},
        {{"--conv", "fft"}, {"--conv fft", "winograd"}},
        {{"--threads", "-1"}, {"--threads"}},
        {{"--threads", "100000"}, {"--threads 100000", "1024"}},
        {{"--workers", "-1"}, {"--workers"}},
        {{"--workers", "100000"}, {"--workers 100000", "1024"}},
        {{"--log-every", "0"}, {"--log-every"}},
        {{"--knn-k", "0"}, {"--knn-k"}},
        {{"--device", "tpu"}, {"--device tpu"}},
        {{"--augment-on", "gpu"}, {"--augment-on gpu", "device, cpu"}},
        {{"--data", "shapes:0"}, {"shapes:0"}},
        {{"--data", ""}, {"--data"}},
    };
    const TempFolder folder;
    for (const Impossible& row : table) {
        const std::string run = folder / "run";
        SCOPED_TRACE(row.flags[0] + " " + row.flags.back());
        expect_sentence(run_moco(small_run(run, row.flags)), 1, row.texts);
        EXPECT_FALSE(std::filesystem::exists(run)) << "a run folder was made";
    }
}

TEST(Settings, ACudaDeviceThatIsNotThereIsNamed) {
    const TempFolder folder;
    const auto result = run_moco(small_run(folder / "run", {"--device", "cuda"}));
    if (result.exit_code == 0) GTEST_SKIP() << "there is one, real or emulated";
    expect_sentence(result, 1, {"--device cuda", "use --device cpu"});
}

TEST(Settings, AConfigurationFileIsTakenWholeOrRefused) {
    const TempFolder folder;
    const auto with_file = [&](const std::string& text, const std::string& name = "run") {
        write_bytes(folder / "config.toml", text);
        return run_moco(small_run(folder / name, {"--config", folder / "config.toml"}));
    };
    expect_sentence(with_file("moco-kk = 3\n"), 1, {"config.toml", "moco-kk", "moco-k"});
    expect_sentence(with_file("moco-k = \n"), 1, {"config.toml"});
    expect_sentence(with_file("epochs = 'ten'\n"), 1, {"config.toml", "epochs"});
    expect_sentence(run_moco(small_run(folder / "run", {"--config", folder / "none.toml"})), 1, {"none.toml"});
    EXPECT_FALSE(std::filesystem::exists(folder / "run"));

    // Default < preset < file < flag: the file's rate stands, its number of epochs gives way to the flag's.
    expect_success(with_file("lr = 0.0625\nepochs = 9\n"));
    const std::string effective = read_bytes(folder / "run/config.toml");
    EXPECT_NE(effective.find("lr = 0.0625"), std::string::npos) << effective;
    EXPECT_NE(effective.find("epochs = 2"), std::string::npos) << effective;
    EXPECT_NE(effective.find("momentum = 0.9"), std::string::npos) << effective;

    // And what was written is itself a configuration that leads to the same file but for the folder.
    std::string again = read_bytes(folder / "run/config.toml");
    expect_success(run_moco({"pretrain", "--config", folder / "run/config.toml", "--out", folder / "again"}));
    std::string written = read_bytes(folder / "again/config.toml");
    again.replace(again.find(folder / "run"), std::string(folder / "run").size(), folder / "again");
    const auto line_of = [](const std::string& text, const std::string& key) {
        const size_t at = text.find("\n" + key + " = ");
        return at == std::string::npos ? std::string() : text.substr(at, text.find('#', at) - at);
    };
    for (const char* key : {"preset", "data", "lr", "epochs", "moco-k", "width", "seed"}) {
        EXPECT_EQ(line_of(written, key), line_of(again, key)) << key;
        EXPECT_NE(line_of(written, key), "") << key;
    }
}

}  // namespace
}  // namespace moco::testing
