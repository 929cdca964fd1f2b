#include "moco/tasks/transfer_settings.h"

#include <filesystem>

#include "moco/tasks/weights.h"
#include "moco/train/run_folder.h"
#include "moco/train/settings/checks.h"

namespace moco {
namespace {

namespace fs = std::filesystem;

constexpr InitRow kCheckpoint = {
    "the encoder to start from: a checkpoint of a run, its folder, or another program's weights (.pth, .npz, "
    ".safetensors, ...)",
    "checkpoint"};

/// The first of NAME, NAME-2, NAME-3, ... that is not there.
fs::path free_folder(const fs::path& name) {
    std::error_code ignored;
    fs::path folder = name;
    for (int number = 2; fs::exists(folder, ignored); ++number) folder = fmt::format("{}-{}", name.string(), number);
    return folder;
}

}  // namespace

TransferSettings::TransferSettings() {
    encoder.arch.clear();
    encoder.stem.clear();
    encoder.width = 0;
    views.image_size = 0;
    views.aug = "crop";
}

void add_source_rows(SettingTable& table, TransferSettings& s) {
    add_rows(table, s.data, s.views);
    table.add("val-share", "SHARE", s.val_share,
              "share of the labelled training images that is held out, of each class alike, to choose by");
    add_rows(table, s.encoder, "Network (the checkpoint's)");
}

void add_run_rows(SettingTable& table, TransferSettings& s) {
    table.group("Monitoring")
        .add("eval-every", "EPOCHS", s.eval_every, "epochs between evaluations; 0: only after the last");
    add_log_row(table, s.run);
    add_rows(table, s.run, kCheckpoint);
    table.add("untrained", "", s.untrained, "take the architecture alone: the network as it starts, for comparison");
    add_rows(table, s.machine);
}

void validate(const TransferSettings& s) {
    validate(s.data);
    validate(s.encoder, s.views.image_size);
    check_real("val-share", s.val_share, s.val_share >= 0 && s.val_share <= 0.9, "in 0..0.9");
    check_at_least("eval-every", s.eval_every, 0);
    validate(s.run);
    validate(s.machine);
    validate(s.views);
    check_channels(s.data, s.views);
}

void take_from_checkpoint(TransferSettings& s, std::string_view command) {
    check(!s.run.init.empty(),
          "--checkpoint is missing; it names the encoder to start from: a run folder, a checkpoint, "
          "or another program's weights");
    fs::path file = s.run.init;
    std::error_code ignored;
    const bool is_run = fs::is_directory(file, ignored);
    const fs::path run = is_run ? file : file.parent_path();
    if (is_run) file /= kLastCheckpoint;
    BareFileHints hints;
    if (!s.encoder.arch.empty()) hints.arch = s.encoder.arch;
    if (!s.encoder.stem.empty()) hints.stem = s.encoder.stem;
    const TrainedNetwork source = described(file, hints);
    s.run.init = file.string();
    s.encoder.arch = source.config.arch;
    s.encoder.width = source.config.width;
    s.encoder.stem = std::string(name_of(source.config.stem));
    if (s.views.image_size == 0) s.views.image_size = source.image_size;
    const bool in_run = fs::exists(run / kConfigFile, ignored);
    if (s.run.out.empty()) s.run.out = free_folder((in_run ? run / kEvaluations : fs::path("runs")) / command).string();
}

}  // namespace moco
