// moco pretrain: the training loop.
#include <errno.h>
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "apps/commands.h"
#include "apps/config_flags.h"
#include "apps/device.h"
#include "apps/interrupt.h"
#include "apps/progress_bar.h"
#include "core/error.h"
#include "core/parallel.h"
#include "moco/data/dataset.h"
#include "moco/trainer.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Pretrain an encoder with Momentum Contrast.\n"
    "Settings come in layers: default < --preset < --config FILE < flags. The effective ones are written to\n"
    "config.toml in the run folder, beside metrics.jsonl, a TensorBoard file and the checkpoints.";

struct Flags {
    ConfigFlags settings;
    std::string config_file;
    std::string resume_folder;
};

void print_summary(const RunConfig& config, const RunSummary& summary) {
    const std::string folder = run_folder(config).string();
    const char* program = program_invocation_name;  // as the user called it, so that the lines below can be copied
    if (summary.end == RunEnd::stopped) {
        fmt::print("Stopped after step {}; everything is saved. Go on with\n  {} pretrain --resume {}\n", summary.step,
                   program, folder);
        return;
    }
    fmt::print("Done: {} steps; this part took {}.\n", summary.step, clock_text(summary.seconds));
    if (summary.skipped_images > 0) {
        fmt::print("{} unreadable images were replaced; {}/{} names them.\n", summary.skipped_images, folder,
                   kMetricsFile);
    }
    fmt::print("Files in {}: {} (both encoders, torchvision's names), {}, {}, a TensorBoard event file.\nNext:\n",
               folder, summary.checkpoint.filename().string(), kMetricsFile, kConfigFile);
    const std::string what = fmt::format("--checkpoint {} --data {}", folder, config.data);
    fmt::print("  {} knn {} --baselines\n", program, what);
    fmt::print("  {} neighbours {} --out neighbours.png\n", program, what);
    fmt::print("  {} features {} --out features\n", program, what);
}

void run_pretrain(const Flags& flags) {
    const bool resume = !flags.resume_folder.empty();
    const std::atomic<bool>& stop = stop_on_signals();
    RunConfig config;
    if (resume) {
        config = resume_config(flags.resume_folder, flags.settings.given());
    } else {
        ConfigSources sources{.file = {}, .flags = flags.settings.given()};
        if (!flags.config_file.empty()) sources.file = flags.config_file;
        config = resolve_config(sources);
    }
    validate(config);
    set_threads(static_cast<int>(config.threads));
    const std::unique_ptr<Backend> backend = make_backend(config.device);
    const std::unique_ptr<Backend> augmenting = make_augmenting_backend(config.augment_on, *backend);
    note_emulation(*backend);
    note_slow_precision(precision_from_name(config.precision), *backend);
    const Splits data = open_dataset(config.data);
    ProgressBar progress;
    const RunSummary summary = pretrain(config, resume ? RunStart::resume : RunStart::fresh, data,
                                        {augmenting ? *augmenting : *backend, *backend}, progress, stop);
    print_summary(config, summary);
}

}  // namespace

void add_pretrain(const Command& app) {
    const Command command = app.subcommand("pretrain", kDescription);
    auto flags = std::make_shared<Flags>();
    const Option config =
        command.option("--config", flags->config_file, "settings from a TOML file, such as the config.toml of a run");
    config.takes("FILE").group("Settings from elsewhere");
    const Option resume =
        command.option("--resume", flags->resume_folder,
                       "go on with the run in this folder, from its last checkpoint; needs no other flag, and may "
                       "change --threads, --workers, --device, --augment-on, and a larger --epochs or "
                       "--max-steps");
    resume.takes("RUN_FOLDER").group("Settings from elsewhere").excludes(config);
    flags->settings.add_to(command);
    command.footer(ConfigFlags::presets_text());
    command.runs([flags] { run_pretrain(*flags); });
}

}  // namespace moco::apps
