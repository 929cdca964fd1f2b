#include "moco/tasks/weights.h"

#include "moco/interchange/open_tensors.h"
#include "moco/interchange/renamed_file.h"
#include "moco/interchange/resnet_keys.h"
#include "moco/tasks/finetune_settings.h"
#include "moco/tasks/pretrain_settings.h"
#include "moco/tasks/probe_settings.h"
#include "moco/tasks/supervised_settings.h"
#include "nn/serialize.h"

namespace moco {
namespace {

constexpr std::string_view kOptimizer = "optimizer.";
// What other programs' networks were trained at, by their stem.
constexpr int64_t kImageNetSize = 224, kCifarSize = 32;

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

/// The network of another program's file, by our names.
struct Foreign {
    FoundNetwork found;
    std::unique_ptr<TensorFile> file;
    NetworkConfig config;
};

/// Throws Error naming the file where it holds no ResNet, or another one than hints say.
Foreign foreign_network(std::shared_ptr<const TensorFile> file, const BareFileHints& hints) {
    Foreign foreign;
    foreign.found = find_network(*file, hints.encoder);
    foreign.file = std::make_unique<RenamedFile>(file, foreign.found.names);
    foreign.config = config_from_shapes(*foreign.file);
    check(!hints.arch || *hints.arch == foreign.config.arch, "--arch {}: {} holds a {}", hints.arch.value_or(""),
          file->path().string(), foreign.config.arch);
    if (foreign.config.stem != Stem::imagenet) foreign.config.stem = stem_from_name(hints.stem.value_or("cifar"));
    return foreign;
}

/// The head of a probe's checkpoint: the only one, or the best of several.
std::string probe_head_prefix(const TensorFile& file) {
    if (file.find("fc.bias") != nullptr) return "fc.";
    return fmt::format("heads.{}.", file.read_integers(file.at("best_head")).front());
}

/// Files from before PyTorch 0.4.1 do not count batches, nor do detectron2's.
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
    const std::shared_ptr<const TensorFile> file = open_tensors(path);
    if (!is_checkpoint(*file)) {
        const NetworkConfig config = foreign_network(file, hints).config;
        return {config, "", "fc.", config.stem == Stem::imagenet ? kImageNetSize : kCifarSize, 0};
    }
    TrainedNetwork trained = network_of(*file);
    check(!hints.arch || *hints.arch == trained.config.arch, "--arch {}: {} holds a {}", hints.arch.value_or(""),
          path.string(), trained.config.arch);
    return trained;
}

std::unique_ptr<Network> load_network(const std::filesystem::path& path, const BareFileHints& hints, Backend& backend) {
    const std::shared_ptr<const TensorFile> file = open_tensors(path);
    std::unique_ptr<Network> f;
    if (is_checkpoint(*file)) {
        const TrainedNetwork trained = network_of(*file);
        f = std::make_unique<Network>(trained.config, 0, backend);
        load(*file, f->state(trained.encoder_prefix, trained.head_prefix), part_of(trained));
    } else {
        const Foreign foreign = foreign_network(file, hints);
        f = std::make_unique<Network>(foreign.config, 0, backend);
        LoadOptions options;
        options.optional = kOptionalInBareFiles;
        load(*foreign.file, f->state(), options);
    }
    f->set_mode(BatchNormMode::eval);
    return f;
}

namespace {

/// The head is the method's where the reference code wrote the file and it is of the same kind and size.
void warm_start_foreign(const std::shared_ptr<const TensorFile>& file, Network& f, WarmHead head) {
    const Foreign foreign = foreign_network(file, {});
    LoadOptions options;
    options.optional = kOptionalInBareFiles;
    const NetworkConfig &theirs = foreign.config, &ours = f.config();
    const bool of_pretraining = foreign.found.layout.starts_with("the reference code");
    if (head == WarmHead::from_pretraining && of_pretraining && theirs.head == ours.head && theirs.dim == ours.dim)
        return load(*foreign.file, f.state(), options);
    options.ignored = {"fc."};
    load(*foreign.file, encoder_state(f, ""), options);
}

}  // namespace

void warm_start(const std::filesystem::path& path, Network& f, WarmHead head) {
    const std::shared_ptr<const TensorFile> file = open_tensors(path);
    if (!is_checkpoint(*file)) return warm_start_foreign(file, f, head);
    const TrainedNetwork trained = network_of(*file);
    check(trained.config.in_channels == f.config().in_channels,
          "{} holds an encoder of images with {} channels, the images of --data have {}", path.string(),
          trained.config.in_channels, f.config().in_channels);
    LoadOptions options = part_of(trained);
    if (head == WarmHead::from_pretraining && is_of<PretrainSettings>(*file)) {
        return load(*file, f.state(trained.encoder_prefix, trained.head_prefix), options);
    }
    options.ignored.push_back("fc.");  // of the file's own head
    load(*file, encoder_state(f, trained.encoder_prefix), options);
}

namespace {

/// Our names -> torchvision's, of the encoder that hints ask for.
std::map<std::string, std::string> names_in_checkpoint(const TensorFile& file, const TrainedNetwork& trained,
                                                       WhichEncoder which) {
    std::string encoder = trained.encoder_prefix, head = trained.head_prefix;
    if (which == WhichEncoder::key) {
        check(is_of<PretrainSettings>(file), "--encoder k: {} is a checkpoint of `moco {}`, which has one encoder",
              file.path().string(), read_header(file).command);
        const MethodSettings method = settings_in<PretrainSettings>(file).method;
        check(mechanism_of(method) == MechanismKind::moco,
              "--encoder k: {} is of a run with --mechanism {}, which has "
              "one encoder",
              file.path().string(), method.mechanism);
        encoder = "encoder_k.", head = "encoder_k.fc.";
    }
    std::map<std::string, std::string> names;
    for (const TensorEntry& entry : file.entries()) {
        if (entry.name.starts_with(head)) {
            names[entry.name] = "fc." + entry.name.substr(head.size());
        } else if (entry.name.starts_with(encoder)) {
            names[entry.name] = entry.name.substr(encoder.size());
        }
    }
    return names;
}

}  // namespace

NetworkFile open_network(const std::filesystem::path& path, const BareFileHints& hints) {
    const std::shared_ptr<const TensorFile> file = open_tensors(path);
    if (!is_checkpoint(*file)) {
        Foreign foreign = foreign_network(file, hints);
        return {file, std::move(foreign.file), foreign.config, foreign.found.layout};
    }
    const TrainedNetwork trained = network_of(*file);
    const auto names = names_in_checkpoint(*file, trained, hints.encoder);
    return {file, std::make_shared<RenamedFile>(file, names), trained.config,
            fmt::format("a checkpoint of moco {}", read_header(*file).command)};
}

ForeignReport foreign_report(const std::filesystem::path& path, const BareFileHints& hints) {
    const std::shared_ptr<const TensorFile> file = open_tensors(path);
    const Foreign foreign = foreign_network(file, hints);
    return {foreign.found, foreign.config, key_report(*file, foreign.found, foreign.config),
            parameters_in(*foreign.file)};
}

}  // namespace moco
