// moco convert: weights for other programs.
#include "moco/tasks/convert.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/commands.h"
#include "apps/device.h"
#include "apps/evaluation.h"
#include "apps/json.h"
#include "apps/setting_flags.h"
#include "core/error.h"
#include "core/shell_word.h"
#include "moco/interchange/tensor_items.h"
#include "moco/interchange/write_onnx.h"
#include "moco/tasks/adopted_run.h"
#include "moco/tasks/weights.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Write weights as another program reads them.\n"
    "IN is a checkpoint, a run folder or another program's file of weights; what OUT is, its name's end says: .pth, "
    ".pt,\n"
    ".pth.tar, .npz, .safetensors, or .pkl for detectron2; with --to run it is a folder.";

constexpr const char* kToHelp =
    "whose names: torchvision, timm, moco (the reference code: of a run, a checkpoint that resumes there), detectron2, "
    "mmpretrain, safetensors (torchvision's, with any head); onnx: a graph of the encoder; run: OUT becomes a run "
    "folder of the reference code's "
    "checkpoint IN";

/// Settings of a run that a checkpoint of the reference code does not tell.
const std::vector<std::string_view> kRunSettings = {
    "preset",     "data",   "image-size", "aug", "stem",     "moco-m",     "moco-t",       "symmetric", "bn-splits",
    "shuffle-bn", "epochs", "lr",         "cos", "schedule", "batch-size", "weight-decay", "knn-every"};

constexpr std::string_view kToRun = "run", kToOnnx = "onnx";

struct Flags {
    std::string in, out, to, dtype, encoder, config_file;
    SettingFlags settings;                       // of the run that --to run makes
    std::string output = "backbone", normalize;  // of --to onnx
    bool strip = false, json = false, fold_bn = false;
};

ConvertOptions options_of(const Flags& flags) {
    ConvertOptions options;
    options.naming = naming_from(flags.to);
    if (!flags.encoder.empty()) options.encoder = which_encoder(flags.encoder);
    if (flags.strip) options.strip = Strip::all_but_backbone;
    if (!flags.dtype.empty()) options.dtype = floating_dtype(flags.dtype);
    return options;
}

/// A checkpoint of the reference code becomes a run folder.
void adopt(const Flags& flags) {
    check(!flags.strip && flags.dtype.empty() && flags.encoder.empty(),
          "--to run takes all of a checkpoint as it is: leave out --strip, --dtype and --encoder");
    SettingSources sources;
    if (!flags.config_file.empty()) sources.file = flags.config_file;
    sources.flags = flags.settings.given();
    auto settings = resolve_settings<PretrainSettings>(sources);
    check(!settings.data.spec.empty(), "--to run: --data is missing; it names the images that the run goes on with");
    settings.run.out = flags.out;
    take_from_reference(settings, flags.in);
    validate(settings);
    const std::unique_ptr<Backend> backend = make_backend("cpu");
    const AdoptedRun run = adopt_run(flags.in, settings, open_dataset(settings.data), *backend);
    if (flags.json) {
        return print_json(
            {{"folder", run.folder.string()}, {"to", flags.to}, {"epoch", run.epoch}, {"step", run.step}});
    }
    fmt::print(
        "{}: a run after {} epochs and {} steps; settings that the file does not tell are those of --preset {}.\n"
        "Go on with\n  moco pretrain --resume {}\n",
        run.folder.string(), run.epoch, run.step, settings.preset, for_shell(run.folder.string()));
}

/// An encoder becomes a graph.
void write_graph(const Flags& flags) {
    check(!flags.strip && flags.dtype.empty(),
          "--to onnx writes f32, and the head where --output asks for it: leave out "
          "--strip and --dtype");
    BareFileHints hints;
    if (!flags.encoder.empty()) hints.encoder = which_encoder(flags.encoder);
    const NetworkFile from = open_network(checkpoint_file(flags.in), hints);
    OnnxOptions options;
    options.output = onnx_output(flags.output);
    if (flags.fold_bn) options.batch_norm = BatchNormNodes::folded;
    if (!flags.normalize.empty()) options.normalization = input_normalization(flags.normalize, from.config.in_channels);
    write_onnx(flags.out, from.network, from.config, options);
    const auto bytes = std::filesystem::file_size(flags.out);
    if (flags.json) {
        return print_json({{"file", flags.out},
                           {"layout", from.layout},
                           {"to", flags.to},
                           {"arch", from.config.arch},
                           {"output", flags.output},
                           {"bytes", bytes}});
    }
    fmt::print("{}: a {} as an ONNX graph, {:.1f} MiB: images N x {} x H x W{} -> {}\n", flags.out, from.config.arch,
               static_cast<double>(bytes) / (1 << 20), from.config.in_channels,
               flags.normalize.empty() ? " (normalised)" : " (0..1)", flags.output);
}

void run_convert(const Flags& flags) {
    if (flags.to == kToRun) return adopt(flags);
    const GivenFlags& settings = flags.settings.given();
    const std::string setting = !settings.empty() ? settings.front().first : flags.config_file.empty() ? "" : "config";
    check(setting.empty(), "--{} is a setting of a run: it belongs to --to run", setting);
    if (flags.to == kToOnnx) return write_graph(flags);
    check(!flags.fold_bn && flags.normalize.empty() && flags.output == "backbone",
          "--fold-bn, --normalize and --output belong to --to onnx, not to --to {}", flags.to);
    const ConvertOptions options = options_of(flags);
    const std::filesystem::path in = checkpoint_file(flags.in), out = flags.out;
    std::error_code ignored;
    check(!std::filesystem::equivalent(in, out, ignored), "{} would replace the file that is read", flags.out);
    const Converted done = convert(in, out, options);
    const auto bytes = std::filesystem::file_size(out);
    if (flags.json) {
        return print_json({{"file", flags.out},
                           {"layout", done.layout},
                           {"to", flags.to},
                           {"arch", done.arch},
                           {"tensors", done.tensors},
                           {"bytes", bytes},
                           {"notes", done.notes}});
    }
    fmt::print("{}: a {} of {} tensors, {:.1f} MiB, by the names of {} (they were those of {})\n", flags.out, done.arch,
               done.tensors, static_cast<double>(bytes) / (1 << 20), flags.to, done.layout);
    for (const std::string& note : done.notes) fmt::print("{}\n", note);
}

}  // namespace

void add_convert(const Command& app) {
    const Command command = app.subcommand("convert", kDescription);
    auto flags = std::make_shared<Flags>();
    command.option("in", flags->in, "checkpoint, run folder, or another program's weights").takes("IN").required();
    command.option("out", flags->out, "the file to write").takes("OUT").required();
    command.option("--to", flags->to, kToHelp).takes("NAMES").required();
    command
        .option("--encoder", flags->encoder,
                "q (f_q) or k (the momentum encoder); without it, the one that the method's authors evaluate")
        .takes("q|k");
    command.flag("--strip", flags->strip, "the backbone alone: no head, no momentum encoder, queue or optimizer");
    command.option("--dtype", flags->dtype, "type of the floating-point tensors; without it, as they are")
        .takes("f32|f16|bf16");
    command
        .option(
            "--output", flags->output,
            "what the graph ends in: backbone (pooled features), projection (the head's output), map (before pooling)")
        .takes("NAME")
        .group("With --to onnx");
    command.flag("--fold-bn", flags->fold_bn, "batch norm within the convolutions' weights").group("With --to onnx");
    command
        .option("--normalize", flags->normalize,
                "mean and deviation within the graph, whose images are then in 0..1: imagenet, cifar10, or M,M,M:S,S,S")
        .takes("NAME")
        .group("With --to onnx");
    command.option("--config", flags->config_file, "settings of the run from a TOML file")
        .takes("FILE")
        .group("With --to run");
    PretrainSettings defaults;
    flags->settings.add_to(command, table_of(defaults), kRunSettings);
    add_json_flag(command, flags->json);
    command.runs([flags] { run_convert(*flags); });
}

}  // namespace moco::apps
