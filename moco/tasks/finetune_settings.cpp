#include "moco/tasks/finetune_settings.h"

#include <algorithm>

#include "moco/data/subset.h"
#include "moco/train/settings/checks.h"

namespace moco {
namespace {

constexpr int64_t kLeastSteps = 1000, kLeastEpochs = 30;

void imagenet(FinetuneSettings&) {}

// Of 28 x 28 images the crops that pretraining's preset takes.
void fashion(FinetuneSettings& s) {
    s.data.spec = "fashion-mnist";
    s.views.crop_min = 0.5;
}

constexpr Preset<FinetuneSettings> kPresets[] = {{"imagenet", imagenet}, {"fashion", fashion}};

double head_rate(const FinetuneSettings& s) {
    return s.head_lr.value_or(10 * s.optimizer.lr);
}

}  // namespace

FinetuneSettings::FinetuneSettings() {
    preset = "imagenet";
    optimizer.epochs = 0;
    optimizer.batch_size = 128, optimizer.lr = 0.01;
    optimizer.cos = true, optimizer.lr_per = "step";
}

std::span<const Preset<FinetuneSettings>> FinetuneSettings::presets() {
    return kPresets;
}

void FinetuneSettings::add_rows(SettingTable& table) {
    table.add("preset", "imagenet|fashion", preset, "settings to start from; file and flags change them",
              {Decides::run, OnResume::absent});
    add_source_rows(table, *this);
    table.add("bn", "train|frozen", bn, "batch norm: statistics of the batch, or the checkpoint's as constants")
        .add("bn-splits", "S", bn_splits, "groups of the batch with batch norm statistics of their own (as on S GPUs)")
        .add("freeze-stages", "N", freeze_stages,
             "stages that stay as they are, from the images up: 1 is the stem, 2 the stem and layer1, ...")
        .add("labels", "SHARE|N", labels, "labels that are used: 1%, 10%, 100% of each class, or N images a class");
    moco::add_rows(table, optimizer);
    table.add("head-lr", "RATE", head_lr, "learning rate of the new head [ten times --lr]")
        .add("layer-decay", "X", layer_decay, "factor of the rate from each stage to the one below")
        .add("label-smoothing", "X", label_smoothing, "share of each target that is spread over all classes");
    add_run_rows(table, *this);
}

void validate(const FinetuneSettings& s) {
    preset<FinetuneSettings>(s.preset);
    validate(static_cast<const TransferSettings&>(s));
    OptimizerSettings decided = s.optimizer;
    if (decided.epochs == 0) decided.epochs = kLeastEpochs;
    validate(decided);
    check_real("lr", s.optimizer.lr, s.optimizer.lr > 0, "above 0 (`moco probe` trains a head alone)");
    check_real("head-lr", head_rate(s), head_rate(s) >= 0, "at least 0");
    check_real("layer-decay", s.layer_decay, s.layer_decay > 0 && s.layer_decay <= 1, "above 0, at most 1");
    check_real("label-smoothing", s.label_smoothing, s.label_smoothing >= 0 && s.label_smoothing < 1,
               "in 0..1, below 1");
    check_within("freeze-stages", s.freeze_stages, 0, 5);
    check_one_of("bn", s.bn, {"train", "frozen"});
    label_share(s.labels);
    check_at_least("bn-splits", s.bn_splits, 1);
    check(s.optimizer.batch_size % s.bn_splits == 0 && s.bn_splits % s.optimizer.accumulate == 0,
          "--bn-splits {} must divide --batch-size {}, and --accumulate {} must divide it", s.bn_splits,
          s.optimizer.batch_size, s.optimizer.accumulate);
    if (s.bn == "train") check_statistics(s.encoder, s.views.image_size, s.optimizer.batch_size / s.bn_splits);
}

LabelledParts labelled_parts(const FinetuneSettings& s, const Dataset& data) {
    HeldOut parts = hold_out(data, s.val_share, s.run.seed);
    return {choose_labelled(data, parts.rest, label_share(s.labels), s.run.seed), std::move(parts.held)};
}

void take_from_data(FinetuneSettings& s, const Splits& data) {
    if (s.optimizer.epochs > 0) return;
    const int64_t images = std::ssize(labelled_parts(s, *data.train).train);
    const int64_t steps = std::max<int64_t>(images / s.optimizer.batch_size, 1);
    s.optimizer.epochs = std::max(kLeastEpochs, (kLeastSteps + steps - 1) / steps);
}

DepthRates depth_rates(const FinetuneSettings& s) {
    return {static_cast<float>(head_rate(s) / s.optimizer.lr), static_cast<float>(s.layer_decay), s.freeze_stages};
}

NetworkConfig network_config(const FinetuneSettings& s, int64_t in_channels, int64_t classes) {
    return classifier_network(s, s.bn_splits, in_channels, classes);
}

}  // namespace moco
