#include "moco/tasks/probe_settings.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/parse.h"
#include "moco/data/subset.h"
#include "moco/train/settings/checks.h"

namespace moco {
namespace {

const std::vector<double> kSweptRates = {0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30};
const std::vector<double> kSweptPenalties = {10, 1, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6};

void imagenet(ProbeSettings&) {}

// Minutes on a CPU, with the crops of pretraining's preset.
void fashion(ProbeSettings& s) {
    s.data.spec = "fashion-mnist";
    s.views.crop_min = 0.5;
    s.optimizer.epochs = 20, s.optimizer.schedule = {12, 16};
    s.rates = "sweep", s.val_share = 0.1;
}

constexpr Preset<ProbeSettings> kPresets[] = {{"imagenet", imagenet}, {"fashion", fashion}};

std::string_view without_blanks(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

/// "30", "0.3,1,3", "0.3, 1, 3", "sweep".
std::vector<double> numbers(std::string_view flag, const std::string& text, const std::vector<double>& swept) {
    if (text == "sweep") return swept;
    std::vector<double> values;
    for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find(',', begin), text.size());
        const std::string_view number = without_blanks(std::string_view(text).substr(begin, end - begin));
        const std::optional<double> value = parse_number<double>(number);
        check(value && std::isfinite(static_cast<float>(*value)) && *value >= 0,
              "--{} {}: expected numbers of at least 0, separated by commas, or sweep", flag, text);
        values.push_back(*value);
        begin = end + 1;
    }
    std::sort(values.begin(), values.end());
    check(std::adjacent_find(values.begin(), values.end()) == values.end(), "--{} {}: a number stands there twice",
          flag, text);
    return values;
}

}  // namespace

ProbeSettings::ProbeSettings() {
    preset = "imagenet";
    optimizer.epochs = 100, optimizer.schedule = {60, 80}, optimizer.wd = 0;
}

std::span<const Preset<ProbeSettings>> ProbeSettings::presets() {
    return kPresets;
}

void ProbeSettings::add_rows(SettingTable& table) {
    table.add("preset", "imagenet|fashion", preset, "settings to start from; file and flags change them",
              {Decides::run, OnResume::absent});
    add_source_rows(table, *this);
    table.add("features", "augmented|cached", features,
              "what the heads learn on: features of a new view every epoch, or of every image once");
    moco::add_rows(table, optimizer, rates);
    table
        .add("solver", "sgd|lbfgs", solver,
             "lbfgs: logistic regression to convergence, on cached and standardised features")
        .add("l2", "PENALTIES", l2, "with --solver lbfgs: the penalty on the squared weights; several, or `sweep`");
    add_run_rows(table, *this);
}

void validate(const ProbeSettings& s) {
    preset<ProbeSettings>(s.preset);
    validate(static_cast<const TransferSettings&>(s));
    validate(s.optimizer);
    check_one_of("features", s.features, {"augmented", "cached"});
    check_one_of("solver", s.solver, {"sgd", "lbfgs"});
    check(s.optimizer.accumulate == 1, "--accumulate {}: a frozen network has no batch to divide; leave it out",
          s.optimizer.accumulate);
    const size_t heads = s.solver == "sgd" ? probe_rates(s).size() : probe_penalties(s).size();
    check(heads == 1 || s.val_share > 0,
          "--{} {}: {} heads need images to choose the best by, which are not those of the test part: give --val-share "
          "(0.1 holds out a tenth of the training images)",
          s.solver == "sgd" ? "lr" : "l2", s.solver == "sgd" ? s.rates : s.l2, heads);
}

std::vector<double> probe_rates(const ProbeSettings& s) {
    return numbers("lr", s.rates, kSweptRates);
}

std::vector<double> probe_penalties(const ProbeSettings& s) {
    std::vector<double> values = numbers("l2", s.l2, kSweptPenalties);
    std::sort(values.begin(), values.end(), std::greater<>());
    return values;
}

std::string rate_advice(const ProbeSettings& s) {
    const ProbeSettings by_preset = preset<ProbeSettings>(s.preset);
    const std::vector<double> rates = probe_rates(s);
    if (s.solver != "sgd" || s.rates != by_preset.rates || rates.size() > 1) return {};
    OptimizerSettings given = s.optimizer, usual = by_preset.optimizer;
    given.lr = usual.lr = rates.front();
    return rate_advice(given, usual);
}

std::vector<float> rate_factors(const ProbeSettings& s) {
    const std::vector<double> rates = s.solver == "sgd" ? probe_rates(s) : probe_penalties(s);
    if (rates.size() == 1) return {1};
    return {rates.begin(), rates.end()};
}

void take_from_data(ProbeSettings& s, const Splits& data) {
    if (s.solver != "lbfgs") return;
    s.features = "cached";
    s.optimizer.epochs = 1;
    s.optimizer.batch_size = std::max<int64_t>(std::ssize(hold_out(*data.train, s.val_share, s.run.seed).rest), 1);
}

Schedule probe_schedule(const ProbeSettings& s) {
    const std::vector<double> rates = probe_rates(s);
    OptimizerSettings optimizer = s.optimizer;
    optimizer.lr = rates.size() == 1 ? rates.front() : 1;
    return schedule_of(optimizer, preset<ProbeSettings>(s.preset).optimizer);
}

NetworkConfig network_config(const ProbeSettings& s, int64_t in_channels) {
    NetworkConfig config;
    static_cast<EncoderConfig&>(config) = encoder_config(s.encoder, in_channels);
    config.head = Head::none;
    return config;
}

}  // namespace moco
