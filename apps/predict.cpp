// moco predict: what a trained classifier takes images for.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/commands.h"
#include "apps/evaluation.h"
#include "apps/json.h"
#include "core/error.h"
#include "core/shell_word.h"
#include "moco/data/image_files.h"
#include "moco/eval/csv.h"
#include "moco/eval/predictions.h"
#include "moco/train/checkpoint.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Ask a trained classifier (of supervised, probe or finetune) what images show: files, or all below a folder.\n"
    "Prints the likeliest classes of each with their probabilities.";

struct Flags {
    std::string run, format = "table";
    std::vector<std::string> images;
    int64_t top = 3;
    int workers = 1;
    DataSettings data;
    DeviceFlags device;
    bool json = false;
};

/// A classifier and what it says of images.
struct Classified {
    std::vector<std::string> names;  // of the classes, or none
    std::vector<std::string> paths;
    std::vector<Prediction> predictions;
    std::vector<Unreadable> unreadable;
};

DatasetInfo images_like(const ClassifierData& known, const TrainedNetwork& trained) {
    DatasetInfo info;
    info.channels = trained.config.in_channels;
    info.classes = trained.config.dim;
    info.class_names = known.class_names;
    info.normalization = known.normalization;
    return info;
}

/// Images that the classifier learned from as they are become as large as those; others are cut as in its evaluation.
EvalTransform transform_of(const ClassifierData& known, int64_t size) {
    const bool as_they_are = known.H == size && known.W == size;
    return {TransformKind::resize_crop, as_they_are ? size : size * 8 / 7, size};
}

Classified classify(const Flags& flags) {
    const std::unique_ptr<Backend> backend = flags.device.open();
    const std::filesystem::path file = checkpoint_file(flags.run);
    const SafetensorsFile checkpoint(file);
    check(is_checkpoint(checkpoint), "--run {}: the file is no checkpoint of a run of moco", flags.run);
    const CheckpointHeader header = read_header(checkpoint);
    check(header.classifier.has_value(),
          "--run {}: the run (`moco {}`) has no classifier: `moco probe --checkpoint {} --data D` trains one",
          flags.run, header.command, for_shell(flags.run));
    const TrainedNetwork trained = network_of(checkpoint);
    const std::unique_ptr<Network> network = load_network(file, {}, *backend);
    Classified result;
    result.names = header.classifier->class_names;
    result.paths = image_paths(flags.images);
    FeatureOptions options;
    options.layers = {FeatureLayer::projection};
    options.workers = flags.workers;
    const DatasetPtr images =
        image_files(result.paths, images_like(*header.classifier, trained), decode_options_of(flags.data));
    const Features features =
        extract_features(*network, images, transform_of(*header.classifier, trained.image_size), options, *backend);
    result.predictions = predictions_of(features.projection, features.labels, features.indices);
    result.unreadable = features.unreadable;
    return result;
}

std::string class_name(const std::vector<std::string>& names, int64_t c) {
    return names.empty() ? fmt::format("{}", c) : names[static_cast<size_t>(c)];
}

void print_table(const Classified& all, int64_t top) {
    size_t width = 5;
    for (const Prediction& one : all.predictions) {
        width = std::max(width, all.paths[static_cast<size_t>(one.index)].size());
    }
    for (const Prediction& one : all.predictions) {
        fmt::print("{:<{}}", all.paths[static_cast<size_t>(one.index)], width);
        for (int64_t i = 0; i < top && one.best[static_cast<size_t>(i)].label >= 0; ++i) {
            const RankedClass& ranked = one.best[static_cast<size_t>(i)];
            fmt::print("  {} {:.1f} %", class_name(all.names, ranked.label), 100 * ranked.probability);
        }
        fmt::print("\n");
    }
}

void print_csv(const Classified& all) {
    fmt::print("{}\n", kPredictionColumns);
    for (const Prediction& one : all.predictions) {
        fmt::print("{}", prediction_row(all.paths[static_cast<size_t>(one.index)], one, all.names));
    }
}

void print_as_json(const Classified& all, int64_t top) {
    nlohmann::ordered_json images = nlohmann::ordered_json::array(), unreadable = nlohmann::ordered_json::array();
    for (const Prediction& one : all.predictions) {
        nlohmann::ordered_json classes = nlohmann::ordered_json::array();
        for (int64_t i = 0; i < top && one.best[static_cast<size_t>(i)].label >= 0; ++i) {
            const RankedClass& ranked = one.best[static_cast<size_t>(i)];
            classes.push_back({{"class", class_name(all.names, ranked.label)}, {"probability", ranked.probability}});
        }
        images.push_back({{"path", all.paths[static_cast<size_t>(one.index)]}, {"classes", classes}});
    }
    for (const Unreadable& one : all.unreadable) {
        unreadable.push_back({{"path", all.paths[static_cast<size_t>(one.index)]}, {"reason", one.reason}});
    }
    print_json({{"images", images}, {"unreadable", unreadable}});
}

void run_predict(const Flags& flags) {
    check(flags.top >= 1 && flags.top <= static_cast<int64_t>(kBestClasses), "--top {}: expected 1 to {}", flags.top,
          kBestClasses);
    check(flags.format == "table" || flags.format == "csv", "--format {}: expected table or csv (or --json)",
          flags.format);
    check_workers(flags.workers);
    const Classified all = classify(flags);
    if (flags.json) {
        print_as_json(all, flags.top);
    } else {
        flags.format == "csv" ? print_csv(all) : print_table(all, flags.top);
    }
    report_unreadable(all.unreadable);
}

}  // namespace

void add_predict(const Command& app) {
    const Command command = app.subcommand("predict", kDescription);
    auto flags = std::make_shared<Flags>();
    command.option("--run", flags->run, "run folder of a classifier, or its checkpoint").takes("RUN").required();
    command.option("images", flags->images, "image files and folders").takes("IMAGES...").required();
    command.option("--top", flags->top, "classes shown of each image; CSV has five").takes("N");
    command.option("--format", flags->format, "table, or csv: the columns of predictions.csv").takes("table|csv");
    add_decoding_flags(command, flags->data);
    add_workers_flag(command, flags->workers);
    flags->device.add_to(command);
    add_json_flag(command, flags->json);
    command.runs([flags] { run_predict(*flags); });
}

}  // namespace moco::apps
