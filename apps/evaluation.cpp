// What the commands that look at a trained encoder share.
#include "apps/evaluation.h"

#include <fmt/format.h>

#include <utility>

#include "apps/output.h"
#include "apps/terminal.h"
#include "core/error.h"
#include "moco/train/run_folder.h"
#include "nn/safetensors.h"

namespace moco::apps {
namespace {

constexpr size_t kNamedUnreadable = 10;  // more than these are only counted

}  // namespace

std::string kind_of_images(int64_t channels) {
    return channels == 1 ? "grey" : channels == 3 ? "RGB" : fmt::format("{}-channel", channels);
}

std::filesystem::path checkpoint_file(const std::string& named) {
    const std::filesystem::path path = named;
    return std::filesystem::is_directory(path) ? path / kLastCheckpoint : path;
}

void add_decoding_flags(const Command& command, DataSettings& data) {
    command.option("--max-pixels", data.max_pixels, "images of more pixels than this are unreadable").takes("N");
    command.option("--depth-range", data.depth_range, kDepthRangeHelp).takes("LO:HI");
    command.option("--exif", data.exif, kExifHelp).takes("ignore|honour");
    command.option("--channels", data.channels, kChannelsHelp).takes("N");
}

void add_folder_flags(const Command& command, DataSettings& data) {
    command.option("--labels-from", data.labels_from, kLabelsFromHelp).takes("FILE.csv");
    command.option("--test-part", data.test_part, kTestPartHelp).takes("val|test");
}

void add_workers_flag(const Command& command, int& workers) {
    command.option("-j,--workers", workers, "threads that read and decode images").takes("N").group("Machine");
}

void check_workers(int workers) {
    check(workers >= 0 && workers <= 1024, "--workers {}: expected 0 to 1024", workers);
}

void EvaluationFlags::add_to(const Command& command) {
    command.option("--checkpoint", checkpoint, "checkpoint of a run, its folder, or another program's weights")
        .takes("FILE")
        .required();
    command.option("-a,--arch", hints.arch, "architecture; the file tells it, and another is refused").takes("NAME");
    add_images_to(command);
}

void EvaluationFlags::add_images_to(const Command& command) {
    command.option("--data", data.spec, "data set: " + dataset_forms()).takes("DATA").required().once();
    command
        .option("--stem", hints.stem,
                "stem of a 3x3 first convolution where the file does not say it: cifar (stride 1) or cifar-s2")
        .takes("NAME");
    command
        .option("--transform", transform,
                "what is done to an image before the network sees it: none, imagenet-eval (shorter side to 256, "
                "middle 224), resize-crop:R:C; default: none where all images are squares of the size trained "
                "at, else the imagenet-eval of that size")
        .takes("NAME");
    command.option("--limit", limit, "take only the first N images of each part; 0: all").takes("N");
    add_decoding_flags(command, data);
    add_folder_flags(command, data);
    add_workers_flag(command, workers);
    device.add_to(command);
}

Evaluation open_images(const EvaluationFlags& flags) {
    check(flags.limit >= 0, "--limit {}: expected a number of images, or 0 for all", flags.limit);
    check_workers(flags.workers);
    validate(flags.data);
    Evaluation e;
    e.backend = flags.device.open();
    e.splits = open_dataset(flags.data);
    for (const std::string& note : e.splits.notes) fmt::print(stderr, "{}\n", note);
    e.options.workers = flags.workers;
    e.options.limit = flags.limit;
    return e;
}

EvaluatedNetwork open_evaluated_network(const EvaluationFlags& flags, const Evaluation& e) {
    const std::filesystem::path path = checkpoint_file(flags.checkpoint);
    const TrainedNetwork trained = described(path, flags.hints);
    EvaluatedNetwork opened = {load_network(path, flags.hints, *e.backend), trained.seed, {}};
    const DatasetInfo& images = e.splits.train->info();
    const int64_t channels = opened.network->config().in_channels;
    check(images.channels == channels, "--data {} has {} images, but the encoder in {} takes {} ones", flags.data.spec,
          kind_of_images(images.channels), path.string(), kind_of_images(channels));
    opened.transform =
        flags.transform == "default" ? default_transform(images, trained.image_size) : transform_named(flags.transform);
    return opened;
}

Evaluation open_evaluation(const EvaluationFlags& flags) {
    Evaluation e = open_images(flags);
    EvaluatedNetwork opened = open_evaluated_network(flags, e);
    e.network = std::move(opened.network);
    e.seed = opened.seed;
    e.transform = opened.transform;
    return e;
}

void report_unreadable(const std::vector<Unreadable>& unreadable) {
    for (size_t i = 0; i < unreadable.size() && i < kNamedUnreadable; ++i) {
        print_if_possible(stderr, fmt::format("left out: {}\n", unreadable[i].reason));
    }
    if (unreadable.size() > kNamedUnreadable) {
        print_if_possible(stderr, fmt::format("left out: {} more images that cannot be read\n",
                                              unreadable.size() - kNamedUnreadable));
    }
}

Features features_of(Network& network, const DatasetPtr& data, const std::vector<FeatureLayer>& layers,
                     const Evaluation& evaluation) {
    StatusLine line(stderr);
    const int64_t limit = evaluation.options.limit;
    const int64_t count = limit > 0 ? std::min(limit, data->count()) : data->count();
    FeatureOptions options = evaluation.options;
    options.layers = layers;
    options.progress = [&](int64_t images) {
        if (line.due())
            line.show(fmt::format("features of {} {}: {} of {}", data->info().name, data->info().part, images, count));
    };
    Features features = extract_features(network, data, evaluation.transform, options, *evaluation.backend);
    line.clear();
    report_unreadable(features.unreadable);
    for (const std::string& note : data->take_notes()) print_if_possible(stderr, note + "\n");
    return features;
}

}  // namespace moco::apps
