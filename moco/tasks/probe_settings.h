// The settings of `moco probe`.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "moco/data/dataset.h"
#include "moco/tasks/transfer_settings.h"
#include "moco/train/settings/layers.h"
#include "nn/network.h"

namespace moco {

/// The defaults are the protocol of He et al., Sec. 4.1, and of the reference code: rate 30, no weight decay, a tenth
/// of the rate after epochs 60 and 80 of 100, crops and flips.
struct ProbeSettings : TransferSettings {
    static constexpr std::string_view command = "probe";

    ProbeSettings();

    std::string rates = "30";            // one or several, or "sweep"
    std::string features = "augmented";  // augmented: of a new view every epoch; cached: of every image once
    std::string solver = "sgd";          // sgd, lbfgs
    std::string l2 = "sweep";            // of lbfgs: one or several, or "sweep"

    /// imagenet, fashion.
    static std::span<const Preset<ProbeSettings>> presets();
    void add_rows(SettingTable& table);

    bool operator==(const ProbeSettings&) const = default;
};

/// Throws Error, one sentence naming the flags, for settings that cannot work.
void validate(const ProbeSettings& settings);

/// The learning rate of each head, ascending; the l2 penalties, descending.
std::vector<double> probe_rates(const ProbeSettings& settings);
std::vector<double> probe_penalties(const ProbeSettings& settings);

/// A sentence where another batch size than the preset's goes with the preset's only rate; else empty.
std::string rate_advice(const ProbeSettings& settings);

/// What a head's rate is times what the schedule says: 1 where there is one head. With lbfgs a number for each penalty.
std::vector<float> rate_factors(const ProbeSettings& settings);
Schedule probe_schedule(const ProbeSettings& settings);

/// Of a fresh run, once its data is open: lbfgs takes all images as one batch, once.
void take_from_data(ProbeSettings& settings, const Splits& data);

/// Without a head.
NetworkConfig network_config(const ProbeSettings& settings, int64_t in_channels);

}  // namespace moco
