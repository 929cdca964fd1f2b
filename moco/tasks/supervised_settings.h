// The settings of `moco supervised`: those of every task, and how often to test.
#pragma once

#include <span>
#include <string_view>

#include "moco/train/settings/layers.h"
#include "moco/train/settings/train_settings.h"
#include "nn/network.h"

namespace moco {

/// The defaults are those of preset imagenet: the usual 90 epochs (He et al., arXiv:1512.03385).
struct SupervisedSettings : TrainSettings {
    static constexpr std::string_view command = "supervised";

    SupervisedSettings();

    int64_t bn_splits = 1;   // batch norm statistics over batch_size / bn_splits samples
    int64_t eval_every = 1;  // epochs between tests; 0: only after the last

    /// imagenet, cifar, fashion.
    static std::span<const Preset<SupervisedSettings>> presets();
    void add_rows(SettingTable& table);

    bool operator==(const SupervisedSettings&) const = default;
};

/// Throws Error, one sentence naming the flags, for settings that cannot work.
void validate(const SupervisedSettings& settings);

/// The encoder with a linear classifier on it. Throws Error for unknown names, as validate does.
NetworkConfig network_config(const SupervisedSettings& settings, int64_t in_channels, int64_t classes);

}  // namespace moco
