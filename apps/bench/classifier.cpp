// moco bench classifier: how fast this machine trains with labels, and takes features.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "apps/device.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/random.h"
#include "moco/classifier.h"
#include "moco/linear_probe.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Time what is done with labels, on random images: a step of supervised training, of fine-tuning (batch norm\n"
    "frozen), of a linear probe, or a forward pass in evaluation mode (features).";
constexpr int kWarmUpSteps = 2;

struct Flags {
    NetworkConfig network;
    std::string what = "supervised", stem = "imagenet", conv = "auto", precision = "f32";
    int64_t size = 224, batch = 16, classes = 1000, heads = 1, steps = 8;
    DeviceFlags device;
    bool json = false;
};

Tensor random_images(const Flags& flags, Backend& backend) {
    const Shape shape = {flags.batch, flags.size, flags.size, flags.network.in_channels};
    std::vector<float> values(static_cast<size_t>(shape.count()));
    Random random(0, Purpose::bench);
    for (float& value : values) value = random.normal();
    return Tensor::from_host(values, shape, backend);
}

std::vector<int64_t> some_labels(const Flags& flags) {
    std::vector<int64_t> labels;
    for (int64_t n = 0; n < flags.batch; ++n) labels.push_back(n * 7 % flags.classes);
    return labels;
}

/// Whole steps' times, seconds, ascending.
std::vector<double> time_steps(const Flags& flags, Backend& backend, const std::function<void()>& step) {
    std::vector<double> seconds;
    for (int64_t i = 0; i < flags.steps; ++i) {
        const double began = now();
        step();
        backend.synchronize();
        if (i >= kWarmUpSteps) seconds.push_back(now() - began);
    }
    std::sort(seconds.begin(), seconds.end());
    return seconds;
}

std::vector<double> time_training(const Flags& flags, Backend& backend) {
    Classifier classifier(flags.network, {.momentum = 0.9f, .weight_decay = 1e-4f}, 0, backend);
    if (flags.what == "finetune") classifier.f.set_mode(BatchNormMode::frozen);
    SingleProcess comm;
    const LabelledBatch batch(random_images(flags, backend), some_labels(flags), 1);
    classifier.sgd.set_learning_rate(0.01f);
    return time_steps(flags, backend, [&] { classifier_step(classifier, batch, comm); });
}

std::vector<double> time_frozen(const Flags& flags, Backend& backend) {
    LinearProbe probe(flags.network, flags.classes, std::vector<float>(static_cast<size_t>(flags.heads), 1),
                      {.momentum = 0.9f, .weight_decay = 0}, 0, backend);
    SingleProcess comm;
    const Tensor x = random_images(flags, backend),
                 labels = Tensor::from_host(some_labels(flags), {flags.batch}, backend);
    probe.sgd.set_learning_rate(0.1f);
    if (flags.what == "features") return time_steps(flags, backend, [&] { probe.features(x); });
    return time_steps(flags, backend, [&] { probe_step(probe, probe.features(x), labels, comm); });
}

void run_classifier(Flags flags) {
    const bool trains = flags.what == "supervised" || flags.what == "finetune";
    check(trains || flags.what == "probe" || flags.what == "features",
          "--what {}: expected supervised, finetune, probe or features", flags.what);
    check(flags.batch >= 2 && flags.size >= 1 && flags.classes >= 2 && flags.heads >= 1,
          "--batch {} --size {} --classes {} --heads {}: expected at least 2 images, 1 pixel, 2 classes, 1 head",
          flags.batch, flags.size, flags.classes, flags.heads);
    check(flags.steps > kWarmUpSteps, "--steps {}: expected more than {}, the first {} only warm up", flags.steps,
          kWarmUpSteps, kWarmUpSteps);
    flags.network.stem = stem_from_name(flags.stem);
    flags.network.head = Head::linear;
    flags.network.dim = flags.classes;
    const RunSettings run = run_settings(flags.conv, flags.precision);
    flags.network.precision = precision_from_name(flags.precision);
    const std::unique_ptr<Backend> backend = flags.device.open();
    configure(*backend, run);
    note_slow_precision(flags.network.precision, *backend);
    const std::vector<double> seconds = trains ? time_training(flags, *backend) : time_frozen(flags, *backend);
    const double median = seconds[seconds.size() / 2];
    if (flags.json) {
        const nlohmann::ordered_json object = {{"what", flags.what},
                                               {"arch", flags.network.arch},
                                               {"width", flags.network.width},
                                               {"stem", flags.stem},
                                               {"size", flags.size},
                                               {"batch", flags.batch},
                                               {"classes", flags.classes},
                                               {"heads", flags.heads},
                                               {"precision", flags.precision},
                                               {"threads", threads()},
                                               {"device", backend->description()},
                                               {"steps", seconds.size()},
                                               {"median_ms", 1e3 * median},
                                               {"best_ms", 1e3 * seconds.front()},
                                               {"images_per_s", static_cast<double>(flags.batch) / median},
                                               {"peak_mib", peak_mib()}};
        fmt::print("{}\n", object.dump(2));
        return;
    }
    fmt::print("{}: {} width {}, stem {}, {} px, batch {}, {}, {} threads, {}\n", flags.what, flags.network.arch,
               flags.network.width, flags.stem, flags.size, flags.batch, flags.precision, threads(),
               backend->description());
    fmt::print("{:.1f} ms a step (median of {}), {:.1f} images/s, peak {:.0f} MiB\n", 1e3 * median, seconds.size(),
               static_cast<double>(flags.batch) / median, peak_mib());
}

}  // namespace

void add_bench_classifier(const Command& group) {
    const Command command = group.subcommand("classifier", kDescription);
    auto flags = std::make_shared<Flags>();
    command.option("--what", flags->what, "what is timed").takes("supervised|finetune|probe|features");
    add_network_flags(command, flags->network, flags->stem);
    add_number(command, "--size", flags->size, "side of the images, pixels");
    add_number(command, "-b,--batch", flags->batch, "images a step (N)");
    add_number(command, "--classes", flags->classes, "classes");
    add_number(command, "--heads", flags->heads, "probe: classifiers that learn side by side");
    add_conv_flag(command, flags->conv);
    add_precision_flag(command, flags->precision);
    add_number(command, "--steps", flags->steps, "steps, two of them to warm up");
    command.flag("--json", flags->json, "print one JSON object: median_ms, best_ms, images_per_s, peak_mib");
    flags->device.add_to(command);
    command.runs([flags] { run_classifier(*flags); });
}

}  // namespace moco::apps
