// The settings of `moco finetune`.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "moco/classifier.h"
#include "moco/data/dataset.h"
#include "moco/tasks/transfer_settings.h"
#include "moco/train/settings/layers.h"
#include "nn/network.h"

namespace moco {

/// The defaults follow the recipe of semi-supervised evaluations: the head learns ten times as fast as the backbone,
/// by a cosine, for 30 epochs or 1000 steps, whichever is more.
struct FinetuneSettings : TransferSettings {
    static constexpr std::string_view command = "finetune";

    FinetuneSettings();

    std::optional<double> head_lr;  // unset: ten times lr
    double layer_decay = 1;         // of the rate, from each stage to the one below
    int64_t freeze_stages = 0;      // from the images up
    std::string bn = "train";       // batch norm: train, frozen
    int64_t bn_splits = 1;
    std::string labels = "100%";  // of the training images that are used: a share, or a number a class
    double label_smoothing = 0;

    /// imagenet, fashion.
    static std::span<const Preset<FinetuneSettings>> presets();
    void add_rows(SettingTable& table);

    bool operator==(const FinetuneSettings&) const = default;
};

/// Throws Error, one sentence naming the flags, for settings that cannot work. Epochs of 0 are still to be decided.
void validate(const FinetuneSettings& settings);

/// The labelled images of a data set as fine-tuning uses them, indices into it. Throws Error where a number asks for
/// more than a class has.
struct LabelledParts {
    std::vector<int64_t> train, val;
};
LabelledParts labelled_parts(const FinetuneSettings& settings, const Dataset& data);

/// Of a fresh run, once its data is open: as many epochs as make 1000 steps, at least 30, where none are given.
void take_from_data(FinetuneSettings& settings, const Splits& data);

DepthRates depth_rates(const FinetuneSettings& settings);
/// With a linear head for `classes` classes.
NetworkConfig network_config(const FinetuneSettings& settings, int64_t in_channels, int64_t classes);

}  // namespace moco
