// moco features: an encoder's features of a data set, as files that NumPy reads.
#include "moco/eval/features.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "apps/commands.h"
#include "apps/evaluation.h"
#include "apps/json.h"
#include "core/error.h"
#include "nn/atomic_file.h"
#include "nn/npy.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Write an encoder's features of a data set.\n"
    "Writes features.npy (N x d, f32, as the network gives them: not normalised), labels.npy (N, i64, -1 where there\n"
    "is none) and paths.txt (one line a row).";

struct Flags {
    EvaluationFlags evaluation;
    std::string layer = "backbone", split = "train", out;
    bool json = false;
};

FeatureLayer layer_named(const std::string& name) {
    if (name == "backbone") return FeatureLayer::backbone;
    if (name == "projection") return FeatureLayer::projection;
    fail("--layer {}: there is no such layer; expected backbone or projection", name);
}

DatasetPtr part_named(const Splits& splits, const std::string& name, const std::string& data) {
    check(name == "train" || name == "test" || name == "pretrain",
          "--split {}: there is no such part; expected train, test or pretrain", name);
    const DatasetPtr part = name == "train" ? splits.train : name == "test" ? splits.test : pretraining_part(splits);
    check(part != nullptr, "--split {}: --data {} has no such part", name, data);
    return part;
}

/// A path as one line: between quotes where it could not be told from several, or from one between quotes.
std::string line_of(const std::string& path) {
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
    if (!path.starts_with('"') && std::none_of(path.begin(), path.end(), is_control)) return path;
    std::string line = "\"";
    for (const char c : path) {
        if (c == '"' || c == '\\') {
            line += {'\\', c};
        } else if (c == '\n') {
            line += "\\n";
        } else {
            line += is_control(c) ? fmt::format("\\u{:04x}", c) : std::string(1, c);
        }
    }
    return line + "\"";
}

void make_folder(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    check(!error, "--out {}: the folder cannot be made: {}", folder.string(), error.message());
}

void write_files(const Features& features, FeatureLayer layer, const Dataset& data, const Flags& flags) {
    const std::filesystem::path folder = flags.out;
    const Tensor& rows = layer == FeatureLayer::backbone ? features.backbone : features.projection;
    write_npy(folder / "features.npy", rows.to_vector(), rows.dim(1));
    write_npy(folder / "labels.npy", features.labels);
    std::string paths;
    for (int64_t index : features.indices) paths += line_of(data.path(index)) + "\n";
    write_file_atomically(folder / "paths.txt", paths);
    const nlohmann::ordered_json object = {{"folder", folder.string()},
                                           {"layer", flags.layer},
                                           {"images", rows.dim(0)},
                                           {"features", rows.dim(1)},
                                           {"unreadable", features.unreadable.size()}};
    if (flags.json) return print_json(object);
    fmt::print("{}: features.npy ({} x {}), labels.npy, paths.txt\n", folder.string(), rows.dim(0), rows.dim(1));
}

void run_features(const Flags& flags) {
    const FeatureLayer layer = layer_named(flags.layer);
    make_folder(flags.out);
    Evaluation e = open_evaluation(flags.evaluation);
    check(layer == FeatureLayer::backbone || e.network->config().head != Head::none,
          "--layer projection: {} has no head, only a backbone", flags.evaluation.checkpoint);
    const DatasetPtr data = part_named(e.splits, flags.split, flags.evaluation.data.spec);
    write_files(features_of(*e.network, data, {layer}, e), layer, *data, flags);
}

}  // namespace

void add_features(const Command& app) {
    const Command command = app.subcommand("features", kDescription);
    auto flags = std::make_shared<Flags>();
    flags->evaluation.add_to(command);
    command
        .option("--layer", flags->layer,
                "backbone (pooled features) or projection (the head's output, which the loss sees)")
        .takes("NAME");
    command.option("--split", flags->split, "part of the data set: train, test, or pretrain (STL-10: unlabelled)")
        .takes("NAME");
    command.option("--out", flags->out, "folder for the three files").takes("DIR").required();
    add_json_flag(command, flags->json);
    command.runs([flags] { run_features(*flags); });
}

}  // namespace moco::apps
