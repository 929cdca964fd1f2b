#include "moco/tasks/weights.h"

#include <fmt/ranges.h>

#include "moco/tasks/finetune_settings.h"
#include "moco/tasks/pretrain_settings.h"
#include "moco/tasks/probe_settings.h"
#include "moco/tasks/supervised_settings.h"
#include "nn/serialize.h"

namespace moco {
namespace {

constexpr std::string_view kOptimizer = "optimizer.";
constexpr int64_t kForeignImageSize = 224;  // what files in torchvision's naming were trained at

template <typename S>
S settings_in(const TensorFile& file) {
    S settings;
    from_toml(table_of(settings), S::command, read_header(file).config, file.path().string() + " (its settings)");
    return settings;
}

template <typename S>
bool is_of(const TensorFile& file) {
    return read_header(file).command == S::command;
}

std::vector<std::pair<std::string, SettingValue>> method_values(const SettingTable& table) {
    std::vector<std::pair<std::string, SettingValue>> values;
    for (const Setting& setting : table.rows()) {
        if (setting.kind.decides == Decides::method) values.emplace_back(setting.name, setting.get());
    }
    return values;
}

[[noreturn]] void fail_unknown(const TensorFile& file) {
    fail("{} is a checkpoint of `moco {}`, which this program does not know", file.path().string(),
         read_header(file).command);
}

/// Throws Error where the network's tensors have names with something in front ("module.encoder_q.conv1.weight").
void check_not_prefixed(const TensorFile& file) {
    constexpr std::string_view kFirst = "conv1.weight";
    if (file.find(std::string(kFirst)) != nullptr) return;
    std::string prefix;
    for (const TensorEntry& entry : file.entries()) {
        if (!entry.name.ends_with(kFirst) || entry.name.find("layer") != std::string::npos) continue;
        const std::string before = entry.name.substr(0, entry.name.size() - kFirst.size());
        if (prefix.empty() || before.find("encoder_q") != std::string::npos) prefix = before;
    }
    check(prefix.empty(),
          "{0}: its tensors have names that begin with '{1}' ({1}conv1.weight), torchvision's begin with conv1.weight: "
          "in Python, `save_file({{k.removeprefix('{1}'): v for k, v in load_file('{0}').items() if "
          "k.startswith('{1}')}}, 'weights.safetensors')` of safetensors.torch",
          file.path().string(), prefix);
}

/// What a bare file's tensors say about the network they belong to.
NetworkConfig bare_config(const TensorFile& file, const BareFileHints& hints) {
    const std::string path = file.path().string();
    check(hints.arch.has_value(), "{} does not say which network it holds: give --arch (one of {})", path,
          fmt::join(encoder_names(), ", "));
    check_not_prefixed(file);
    const TensorEntry* conv1 = file.find("conv1.weight");
    check(conv1 != nullptr && conv1->shape.size() == 4,
          "{} holds no ResNet in torchvision's naming: there is no tensor conv1.weight of four dimensions", path);
    NetworkConfig config;
    config.arch = *hints.arch;
    config.width = conv1->shape[0];
    config.in_channels = conv1->shape[1];
    config.stem = conv1->shape[2] == 7 ? Stem::imagenet : stem_from_name(hints.stem.value_or("cifar"));
    const TensorEntry* fc = file.find("fc.weight");
    const TensorEntry* mlp = file.find("fc.2.weight");
    config.head = mlp ? Head::mlp : fc ? Head::linear : Head::none;
    if (config.head != Head::none) config.dim = (mlp ? mlp : fc)->shape.at(0);
    return config;
}

/// The head of a probe's checkpoint: the only one, or the best of several.
std::string probe_head_prefix(const TensorFile& file) {
    if (file.find("fc.bias") != nullptr) return "fc.";
    return fmt::format("heads.{}.", file.read_integers(file.at("best_head")).front());
}

/// Files of classifiers from before PyTorch 0.4.1 do not count batches.
const std::vector<std::string> kOptionalInBareFiles = {"num_batches_tracked"};

/// The part of a file that holds the network: nothing else in it may be unknown.
LoadOptions part_of(const TrainedNetwork& trained) {
    LoadOptions options;
    if (trained.head_prefix.starts_with(trained.encoder_prefix)) {
        options.prefix = trained.encoder_prefix;
    } else {
        options.ignored = {std::string(kOptimizer), "heads.", "best_head", "frozen_"};  // of a probe, all but one head
    }
    return options;
}

void load(const TensorFile& file, const ModuleState& state, const LoadOptions& options) {
    load_state(
        file, [&](StateVisitor& visitor) { visit(visitor, "", state); }, options);
}

ModuleState encoder_state(Network& f, const std::string& prefix) {
    ModuleState state;
    f.encoder().collect(prefix, state);
    return state;
}

}  // namespace

TrainedNetwork network_of(const TensorFile& file) {
    const int64_t channels = read_header(file).trained_on.in_channels;
    if (is_of<PretrainSettings>(file)) {
        const auto settings = settings_in<PretrainSettings>(file);
        return {network_config(settings, channels), "encoder_q.", "encoder_q.fc.", settings.views.image_size,
                settings.run.seed};
    }
    if (is_of<SupervisedSettings>(file)) {
        const auto settings = settings_in<SupervisedSettings>(file);
        return {network_config(settings, channels, file.at("fc.bias").count()), "encoder.", "fc.",
                settings.views.image_size, settings.run.seed};
    }
    if (is_of<FinetuneSettings>(file)) {
        const auto settings = settings_in<FinetuneSettings>(file);
        return {network_config(settings, channels, file.at("fc.bias").count()), "encoder.", "fc.",
                settings.views.image_size, settings.run.seed};
    }
    if (is_of<ProbeSettings>(file)) {
        const auto settings = settings_in<ProbeSettings>(file);
        const std::string head = probe_head_prefix(file);
        NetworkConfig config = network_config(settings, channels);
        config.head = Head::linear;
        config.dim = file.at(head + "bias").count();
        return {config, "encoder.", head, settings.views.image_size, settings.run.seed};
    }
    fail_unknown(file);
}

std::vector<std::pair<std::string, SettingValue>> settings_of(const TensorFile& file) {
    if (is_of<PretrainSettings>(file)) {
        auto settings = settings_in<PretrainSettings>(file);
        return method_values(table_of(settings));
    }
    if (is_of<SupervisedSettings>(file)) {
        auto settings = settings_in<SupervisedSettings>(file);
        return method_values(table_of(settings));
    }
    if (is_of<FinetuneSettings>(file)) {
        auto settings = settings_in<FinetuneSettings>(file);
        return method_values(table_of(settings));
    }
    if (is_of<ProbeSettings>(file)) {
        auto settings = settings_in<ProbeSettings>(file);
        return method_values(table_of(settings));
    }
    fail_unknown(file);
}

int64_t parameters_in(const TensorFile& file) {
    const bool ours = is_checkpoint(file);
    const auto counts = [ours](std::string_view name) {
        if (ours) return name.starts_with(kOptimizer);
        return !name.ends_with("running_mean") && !name.ends_with("running_var") &&
               !name.ends_with("num_batches_tracked");
    };
    int64_t parameters = 0;
    for (const TensorEntry& entry : file.entries()) parameters += counts(entry.name) ? entry.count() : 0;
    return parameters;
}

TrainedNetwork described(const std::filesystem::path& path, const BareFileHints& hints) {
    const SafetensorsFile file(path);
    if (!is_checkpoint(file)) return {bare_config(file, hints), "", "fc.", kForeignImageSize, 0};
    TrainedNetwork trained = network_of(file);
    check(!hints.arch || *hints.arch == trained.config.arch, "--arch {}: {} holds a {}", hints.arch.value_or(""),
          path.string(), trained.config.arch);
    return trained;
}

std::unique_ptr<Network> load_network(const std::filesystem::path& path, const BareFileHints& hints, Backend& backend) {
    const SafetensorsFile file(path);
    std::unique_ptr<Network> f;
    if (is_checkpoint(file)) {
        const TrainedNetwork trained = network_of(file);
        f = std::make_unique<Network>(trained.config, 0, backend);
        load(file, f->state(trained.encoder_prefix, trained.head_prefix), part_of(trained));
    } else {
        f = std::make_unique<Network>(bare_config(file, hints), 0, backend);
        LoadOptions options;
        options.optional = kOptionalInBareFiles;
        load(file, f->state(), options);
    }
    f->set_mode(BatchNormMode::eval);
    return f;
}

void warm_start(const std::filesystem::path& path, Network& f, WarmHead head) {
    const SafetensorsFile file(path);
    LoadOptions options;
    if (!is_checkpoint(file)) {
        check_not_prefixed(file);
        options.ignored = {"fc."};
        options.optional = kOptionalInBareFiles;
        return load(file, encoder_state(f, ""), options);
    }
    const TrainedNetwork trained = network_of(file);
    check(trained.config.in_channels == f.config().in_channels,
          "{} holds an encoder of images with {} channels, the images of --data have {}", path.string(),
          trained.config.in_channels, f.config().in_channels);
    options = part_of(trained);
    if (head == WarmHead::from_pretraining && is_of<PretrainSettings>(file)) {
        return load(file, f.state(trained.encoder_prefix, trained.head_prefix), options);
    }
    options.ignored.push_back("fc.");  // of the file's own head
    load(file, encoder_state(f, trained.encoder_prefix), options);
}

}  // namespace moco
