// Layers of settings, flags as text, and the parts of the house that a configuration describes.
#include "moco/config.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <numeric>
#include <sstream>

#include "core/error.h"
#include "moco/config_lookup.h"
#include "moco/data/augmentation.h"
#include "nn/resnet.h"
#include "nn/schedule.h"

namespace moco {
namespace {

/// Levenshtein's distance: how many letters to insert, delete or replace.
size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0]++;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row.back();
}

template <typename T>
std::optional<T> parse(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// "120,160" or "120 160".
std::optional<std::vector<int64_t>> parse_list(std::string_view text) {
    std::vector<int64_t> values;
    std::string spaced(text);
    std::replace(spaced.begin(), spaced.end(), ',', ' ');
    std::istringstream words(spaced);
    for (std::string word; words >> word;) {
        const std::optional<int64_t> value = parse<int64_t>(word);
        if (!value) return std::nullopt;
        values.push_back(*value);
    }
    return values;
}

/// All readings of a flag's text, the most telling first; the setting takes the first that fits its type.
std::vector<OptionValue> readings(std::string_view text) {
    std::vector<OptionValue> values;
    if (text == "true" || text == "false") values.push_back(text == "true");
    if (const auto whole = parse<int64_t>(text)) values.push_back(*whole);
    if (const auto real = parse<double>(text)) values.push_back(*real);
    values.push_back(std::string(text));
    if (auto list = parse_list(text)) values.push_back(std::move(*list));
    return values;
}

}  // namespace

const ConfigOption* find_option(std::string_view name) {
    for (const ConfigOption& option : config_options()) {
        if (option.name == name) return &option;
    }
    return nullptr;
}

std::string_view nearest_option(std::string_view name) {
    const auto distance = [&](const ConfigOption& option) { return edit_distance(name, option.name); };
    return std::ranges::min_element(config_options(), {}, distance)->name;
}

std::string text_of(const OptionValue& value) {
    struct Writer {
        std::string operator()(std::monostate) const { return "unset"; }
        std::string operator()(bool on) const { return on ? "true" : "false"; }
        std::string operator()(int64_t number) const { return fmt::format("{}", number); }
        std::string operator()(double number) const { return fmt::format("{}", number); }
        std::string operator()(const std::string& text) const { return text.empty() ? "''" : text; }
        std::string operator()(const std::vector<int64_t>& list) const {
            return fmt::format("{}", fmt::join(list, ","));
        }
    };
    return std::visit(Writer{}, value);
}

std::string read_settings(const std::filesystem::path& path) {
    std::error_code ignored;
    std::ifstream file(path);
    check(file.is_open() && !std::filesystem::is_directory(path, ignored),
          "{}: the settings cannot be read; is it a file?", path.string());
    std::ostringstream text;
    text << file.rdbuf();
    return std::move(text).str();
}

void set_option(RunConfig& config, std::string_view name, std::string_view text) {
    const ConfigOption* option = find_option(name);
    check(option != nullptr, "--{} is not known; did you mean --{}?", name, nearest_option(name));
    std::string last_error;
    for (const OptionValue& value : readings(text)) {
        try {
            option->set(config, value);
            return;
        } catch (const Error& error) {
            last_error = error.what();
        }
    }
    fail("--{} '{}' cannot be understood: {}", name, text, last_error);
}

RunConfig resolve_config(const ConfigSources& sources) {
    const std::string file_name = sources.file ? sources.file->string() : "";
    const std::string file_text = sources.file ? read_settings(*sources.file) : "";
    std::string preset_name = sources.file ? preset_of_toml(file_text, file_name).value_or("v1") : "v1";
    for (const auto& [name, text] : sources.flags) {
        if (name == "preset") preset_name = text;
    }
    RunConfig config = preset(preset_name);
    if (sources.file) from_toml(config, file_text, file_name);
    for (const auto& [name, text] : sources.flags) set_option(config, name, text);
    return config;
}

RunConfig config_for_resume(const RunConfig& run, const std::vector<std::pair<std::string, std::string>>& flags) {
    RunConfig config = run;
    for (const auto& [name, text] : flags) set_option(config, name, text);
    for (const ConfigOption& option : config_options()) {
        const OptionValue before = option.get(run), after = option.get(config);
        if (before == after || option.on_resume == OnResume::free) continue;
        const bool grows = option.on_resume == OnResume::may_grow;
        // 0 stands for "no limit" where it is allowed (max-steps), which is the largest of all.
        const int64_t from = grows ? std::get<int64_t>(before) : 0, to = grows ? std::get<int64_t>(after) : 0;
        check(grows && (to == 0 || (from != 0 && to > from)), "--{} {}: the run to resume has {}, and a resume may {}",
              option.name, text_of(after), text_of(before), grows ? "only make it larger" : "not change it");
    }
    return config;
}

ResNetConfig encoder_config(const RunConfig& config, int64_t in_channels) {
    ResNetConfig encoder;
    encoder.arch = config.arch;
    encoder.stem = stem_from_name(config.stem);
    encoder.stem_init = config.stem_init == "uniform" ? ConvInit::uniform : ConvInit::kaiming_normal;
    encoder.width = config.width;
    encoder.in_channels = in_channels;
    encoder.head = config.mlp ? Head::mlp : Head::linear;
    encoder.dim = config.moco_dim;
    encoder.bn_splits = config.bn_splits;
    encoder.precision = precision_from_name(config.precision);
    return encoder;
}

Schedule learning_rate_schedule(const RunConfig& config) {
    Schedule schedule;
    schedule.base_lr = static_cast<float>(config.lr);
    schedule.kind = config.cos ? ScheduleKind::cosine : ScheduleKind::step;
    schedule.milestones = config.schedule;
    schedule.epochs = config.epochs;
    schedule.per = config.lr_per == "step" ? SchedulePer::step : SchedulePer::epoch;
    schedule.first_epoch = config.lr_first_epoch;
    return schedule;
}

Recipe augmentation_recipe(const RunConfig& config) {
    Recipe recipe = recipe_named(config.aug);
    if (config.aug_plus) recipe = with_aug_plus(recipe);
    const auto change = [](float& number, const std::optional<double>& value) {
        if (value) number = static_cast<float>(*value);
    };
    change(recipe.crop_scale_min, config.crop_min);
    change(recipe.crop_scale_max, config.crop_max);
    change(recipe.brightness, config.brightness);
    change(recipe.contrast, config.contrast);
    change(recipe.saturation, config.saturation);
    change(recipe.hue, config.hue);
    change(recipe.jitter_p, config.jitter_p);
    change(recipe.grayscale_p, config.grayscale_p);
    change(recipe.blur_p, config.blur_p);
    change(recipe.flip_p, config.flip_p);
    return recipe;
}

}  // namespace moco
