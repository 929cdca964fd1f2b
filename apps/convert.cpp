// moco convert: weights for other programs.
#include "moco/tasks/convert.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/commands.h"
#include "apps/evaluation.h"
#include "apps/json.h"
#include "core/error.h"
#include "moco/interchange/tensor_items.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Write weights as another program reads them.\n"
    "IN is a checkpoint, a run folder or another program's file of weights; what OUT is, its name's end says: .pth, "
    ".pt,\n"
    ".pth.tar, .npz, .safetensors, or .pkl for detectron2.";

constexpr const char* kToHelp =
    "whose names: torchvision, timm, moco (the reference code: of a run, a checkpoint that resumes there), detectron2, "
    "mmpretrain, safetensors (torchvision's, with any head)";

struct Flags {
    std::string in, out, to, dtype, encoder;
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

void run_convert(const Flags& flags) {
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
    add_json_flag(command, flags->json);
    command.runs([flags] { run_convert(*flags); });
}

}  // namespace moco::apps
