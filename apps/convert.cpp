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
#include "moco/tasks/adopted_run.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Write weights as another program reads them.\n"
    "IN is a checkpoint, a run folder or another program's file of weights; what OUT is, its name's end says: .pth, "
    ".pt,\n"
    ".pth.tar, .npz, .safetensors, or .pkl for detectron2; with --to run it is a folder.";

constexpr const char* kToHelp =
    "whose names: torchvision, timm, moco (the reference code: of a run, a checkpoint that resumes there), detectron2, "
    "mmpretrain, safetensors (torchvision's, with any head); or run: OUT becomes a run folder of the reference code's "
    "checkpoint IN";

/// Settings of a run that a checkpoint of the reference code does not tell.
const std::vector<std::string_view> kRunSettings = {"preset", "data",      "image-size", "epochs", "batch-size",
                                                    "lr",     "bn-splits", "stem",       "moco-t", "knn-every"};

constexpr std::string_view kToRun = "run";

struct Flags {
    std::string in, out, to, dtype, encoder, config_file;
    SettingFlags settings;  // of the run that --to run makes
    bool strip = false, json = false;
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

void run_convert(const Flags& flags) {
    if (flags.to == kToRun) return adopt(flags);
    const GivenFlags& settings = flags.settings.given();
    const std::string setting = !settings.empty() ? settings.front().first : flags.config_file.empty() ? "" : "config";
    check(setting.empty(), "--{} is a setting of a run: it belongs to --to run", setting);
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
    command.option("--config", flags->config_file, "settings of the run from a TOML file")
        .takes("FILE")
        .group("With --to run");
    PretrainSettings defaults;
    flags->settings.add_to(command, table_of(defaults), kRunSettings);
    add_json_flag(command, flags->json);
    command.runs([flags] { run_convert(*flags); });
}

}  // namespace moco::apps
