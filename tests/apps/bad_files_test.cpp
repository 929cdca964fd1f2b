// Missing, truncated, corrupt and empty inputs, and places that cannot be written: one sentence each.
#include <filesystem>
#include <functional>

#include "tests/apps/program.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;

/// A run of 8 steps, made once: its checkpoint is what the tests below spoil.
const std::string& good_checkpoint() {
    static const TempFolder folder;
    static const std::string file = [] {
        expect_success(run_moco(small_run(folder / "run")));
        return (folder / "run/checkpoint-last.safetensors").string();
    }();
    return file;
}

std::string cut(const std::string& bytes, size_t count) {
    return bytes.substr(0, count);
}

TEST(BadFiles, ASpoiledCheckpointIsNamedByEveryCommand) {
    const std::string good = read_bytes(good_checkpoint());
    const TempFolder folder;
    const std::string file = folder / "spoiled.safetensors";
    struct Spoiled {
        std::string name, bytes;
    };
    std::string other_length = good, broken_header = good;
    other_length[2] = '\x7f';
    broken_header[9] = '\x01';
    for (const Spoiled& spoiled : std::vector<Spoiled>{{"empty", ""},
                                                       {"three bytes", cut(good, 3)},
                                                       {"cut within the header", cut(good, 100)},
                                                       {"cut within the tensors", cut(good, good.size() / 2)},
                                                       {"one byte short", cut(good, good.size() - 1)},
                                                       {"surplus bytes", good + "surplus"},
                                                       {"a header of another length", other_length},
                                                       {"a header that is no JSON", broken_header},
                                                       {"some text", "This is no checkpoint at all."}}) {
        SCOPED_TRACE(spoiled.name);
        write_bytes(file, spoiled.bytes);
        const std::vector<std::string> evaluation = {"--checkpoint", file, "--data", "shapes:64"};
        const auto with = [&](std::vector<std::string> before, const std::vector<std::string>& after = {}) {
            before.insert(before.end(), evaluation.begin(), evaluation.end());
            before.insert(before.end(), after.begin(), after.end());
            return run_moco(before);
        };
        expect_sentence(with({"knn"}), 1, {"spoiled.safetensors"});
        expect_sentence(with({"features"}, {"--out", folder / "f"}), 1, {"spoiled.safetensors"});
        expect_sentence(with({"neighbours"}, {"--out", folder / "n.png"}), 1, {"spoiled.safetensors"});
        expect_sentence(run_moco({"info", file}), 1, {"spoiled.safetensors"});
        expect_sentence(run_moco(small_run(folder / "run", {"--init", file})), 1, {"spoiled.safetensors"});
        EXPECT_FALSE(fs::exists(folder / "n.png"));
    }
}

TEST(BadFiles, AResumeFromASpoiledRunIsRefused) {
    const TempFolder folder;
    const fs::path run = folder / "run";
    const auto fresh_copy = [&] {
        fs::remove_all(run);
        fs::copy(fs::path(good_checkpoint()).parent_path(), run);
    };
    fresh_copy();
    const std::string checkpoint = read_bytes(good_checkpoint());
    write_bytes(run / "checkpoint-last.safetensors", cut(checkpoint, checkpoint.size() / 2));
    expect_sentence(run_moco({"pretrain", "--resume", run, "--epochs", "3"}), 1, {"checkpoint-last.safetensors"});

    fresh_copy();
    write_bytes(run / "config.toml", "moco-k = \n");
    expect_sentence(run_moco({"pretrain", "--resume", run}), 1, {"config.toml"});

    fresh_copy();
    write_bytes(run / "metrics.jsonl", "");
    expect_sentence(run_moco({"pretrain", "--resume", run, "--epochs", "3"}), 1, {"metrics.jsonl"});

    expect_sentence(run_moco({"pretrain", "--resume", folder / "none"}), 1, {"none"});
    fs::create_directory(folder / "empty");
    expect_sentence(run_moco({"pretrain", "--resume", folder / "empty"}), 1, {"empty"});
}

TEST(BadFiles, AResumeMayNotBecomeAnotherRun) {
    const std::string run = fs::path(good_checkpoint()).parent_path();
    expect_sentence(run_moco({"pretrain", "--resume", run, "--arch", "resnet34"}), 1,
                    {"--arch", "resnet18", "resnet34"});
    expect_sentence(run_moco({"pretrain", "--resume", run, "--moco-k", "48"}), 1, {"--moco-k", "40", "48"});
    expect_sentence(run_moco({"pretrain", "--resume", run, "--epochs", "1"}), 1, {"--epochs", "2", "1"});
    expect_sentence(run_moco(small_run(run)), 1, {"--resume"});  // a fresh run where one already is
}

TEST(BadFiles, ACheckpointOfAnotherArchitectureIsRefused) {
    const TempFolder folder;
    const std::string run = folder / "run";
    expect_sentence(run_moco(small_run(run, {"--init", good_checkpoint(), "--arch", "resnet34"})), 1,
                    {"checkpoint-last.safetensors"});
    expect_sentence(run_moco(small_run(run, {"--init", good_checkpoint(), "--width", "16"})), 1,
                    {"checkpoint-last.safetensors"});
    expect_sentence(run_moco({"knn", "--checkpoint", good_checkpoint(), "--arch", "resnet50", "--data", "shapes:64"}),
                    1, {"resnet50", "resnet18"});
}

TEST(BadFiles, AMissingFileIsNamed) {
    const TempFolder folder;
    const std::string none = folder / "none.safetensors";
    expect_sentence(run_moco({"knn", "--checkpoint", none, "--data", "shapes:64"}), 1, {none});
    expect_sentence(run_moco({"info", none}), 1, {none});
    expect_sentence(run_moco(small_run(folder / "run", {"--init", none})), 1, {none});
    expect_sentence(run_moco({"info", folder / "nothing"}), 1, {folder / "nothing"});
    for (const char* kind : {"fashion-mnist", "mnist", "cifar10", "cifar100", "stl10", "folder"}) {
        const std::string spec = std::string(kind) + ":" + (folder / "nothing").string();
        SCOPED_TRACE(spec);
        expect_sentence(run_moco({"info", "--data", spec}), 1, {"nothing"});
        expect_sentence(run_moco(small_run(folder / "run", {"--data", spec})), 1, {"nothing"});
    }
    EXPECT_FALSE(fs::exists(folder / "run"));
}

TEST(BadFiles, SpoiledDataSetsAreNamed) {
    const TempFolder folder;
    struct Spoiled {
        std::string kind, file;
    };
    for (const Spoiled& s : std::vector<Spoiled>{{"fashion-mnist", "train-images-idx3-ubyte"},
                                                 {"mnist", "train-images-idx3-ubyte.gz"},
                                                 {"cifar10", "data_batch_1.bin"},
                                                 {"cifar100", "train.bin"},
                                                 {"stl10", "train_X.bin"}}) {
        for (const std::string& bytes : {std::string(), std::string("text, not data"), std::string(5000, '\x2a')}) {
            const fs::path place = folder / s.kind;
            SCOPED_TRACE(s.kind + " of " + std::to_string(bytes.size()) + " bytes");
            fs::create_directories(place);
            write_bytes(place / s.file, bytes);
            expect_sentence(run_moco({"info", "--data", s.kind + ":" + place.string()}), 1, {place});
        }
    }
    fs::create_directory(folder / "empty");
    expect_sentence(run_moco({"info", "--data", folder / "empty"}), 1, {"empty"});
}

TEST(BadFiles, PlacesThatCannotBeWrittenAreNamed) {
    const TempFolder folder;
    write_bytes(folder / "file", "in the way");
    const std::string below = folder / "file/below";  // root may write anywhere, but not below a file
    expect_sentence(run_moco(small_run(below)), 1, {"file"});
    const std::vector<std::string> trained = {"--checkpoint", good_checkpoint(), "--data", "shapes:64", "--out"};
    const auto with = [&](const std::string& command, const std::string& out) {
        std::vector<std::string> arguments = {command};
        arguments.insert(arguments.end(), trained.begin(), trained.end());
        arguments.push_back(out);
        return run_moco(arguments);
    };
    expect_sentence(with("features", below), 1, {below});
    expect_sentence(with("neighbours", below), 1, {below});
    expect_sentence(run_moco({"views", "--data", "shapes:64", "--image-size", "32", "--out", below}), 1, {below});
}

/// Runs `moco` with `folder` being a small file system of its own, which ends with the command. Needs the right to
/// mount, which root has.
ProcessResult run_on_small_disk(const std::string& folder, const std::string& options,
                                const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = {"/usr/bin/unshare",
                                     "--mount",
                                     "/bin/sh",
                                     "-c",
                                     "mount -t tmpfs -o \"$1\" none \"$2\" || exit 99; shift 2; exec \"$@\"",
                                     "sh",
                                     options,
                                     folder,
                                     MOCO_PROGRAM};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run_process(argv);
}

TEST(BadFiles, AFullOrReadOnlyDiskIsNamed) {
    const TempFolder folder;
    if (run_on_small_disk(folder.path(), "size=64k", {"--version"}).exit_code != 0) {
        GTEST_SKIP() << "no right to mount a small file system here";
    }
    // The checkpoint does not fit.
    const ProcessResult full = run_on_small_disk(folder.path(), "size=256k", small_run(folder / "run"));
    expect_sentence(full, 1, {folder / "run", "No space left"});
    // Not even the configuration does.
    expect_sentence(run_on_small_disk(folder.path(), "size=4k", small_run(folder / "run")), 1, {folder.path()});
    expect_sentence(run_on_small_disk(folder.path(), "ro", small_run(folder / "run")), 1,
                    {folder / "run", "Read-only"});
    expect_sentence(
        run_on_small_disk(folder.path(), "size=4k",
                          {"views", "--data", "shapes:64", "--image-size", "32", "--out", folder / "v.png"}),
        1, {"v.png", "No space left"});
}

}  // namespace
}  // namespace moco::testing
