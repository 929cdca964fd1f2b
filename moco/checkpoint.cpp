// Writing and reading a run's state. The tensors go through nn/serialize, which knows PyTorch's layouts.
#include "moco/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "core/backend.h"
#include "moco/config_lookup.h"
#include "moco/model.h"
#include "nn/serialize.h"

namespace moco {
namespace {

constexpr const char* kFormat = "moco.cpp checkpoint";
constexpr const char* kVersion = "1";
constexpr const char* kQuery = "encoder_q.";
constexpr const char* kKey = "encoder_k.";
constexpr const char* kOptimizer = "optimizer.";

bool is_ours(const SafetensorsFile& file) {
    const auto format = file.metadata().find("format");
    return format != file.metadata().end() && format->second == kFormat;
}

void check_ours(const SafetensorsFile& file) {
    const std::string path = file.path().string();
    check(is_ours(file), "{} is no checkpoint of a run (its metadata lacks format = '{}')", path, kFormat);
    const auto version = file.metadata().find("format_version");
    check(version != file.metadata().end() && version->second == kVersion,
          "{} has checkpoint format {}, this program reads format {}", path,
          version == file.metadata().end() ? "(none)" : version->second, kVersion);
}

const std::string& metadata_of(const SafetensorsFile& file, const char* key) {
    const auto found = file.metadata().find(key);
    check(found != file.metadata().end(), "{} is damaged: its metadata lacks '{}'", file.path().string(), key);
    return found->second;
}

template <typename T>
T number_of(const SafetensorsFile& file, const char* key) {
    const std::string& text = metadata_of(file, key);
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    check(error == std::errc() && end == text.data() + text.size(), "{} is damaged: its metadata has {} = '{}'",
          file.path().string(), key, text);
    return value;
}

// One list of the progress' fields serves both directions.
template <typename Progress, typename Visit>
void for_each_field(Progress& progress, const Visit& visit) {
    visit("epoch", progress.epoch);
    visit("step", progress.step);
    visit("log_lines", progress.log_lines);
    visit("epoch_loss", progress.epoch_loss);
    visit("epoch_accuracy", progress.epoch_accuracy);
    visit("epoch_steps", progress.epoch_steps);
    visit("epoch_skipped", progress.epoch_skipped);
}

TrainingProgress progress_of(const SafetensorsFile& file) {
    TrainingProgress progress;
    for_each_field(progress, [&](const char* name, auto& value) {
        value = number_of<std::remove_reference_t<decltype(value)>>(file, name);
    });
    return progress;
}

RunConfig config_of(const SafetensorsFile& file) {
    RunConfig config;
    from_toml(config, metadata_of(file, "config"), file.path().string() + " (its settings)");
    return config;
}

TrainedOn trained_on_of(const SafetensorsFile& file) {
    return {metadata_of(file, "data"), number_of<int64_t>(file, "in_channels"), number_of<int64_t>(file, "images")};
}

/// The backend that makes a run's views.
std::string_view views_made_on(const RunConfig& config, const Backend& trains) {
    return config.augment_on == "cpu" ? "cpu" : trains.name();
}

/// Whether a tensor of that name is trained, rather than kept beside.
bool is_parameter(std::string_view name) {
    return name.ends_with(".weight") || name.ends_with(".bias");
}

/// What a bare file's tensors say about the network they belong to.
ResNetConfig bare_config(const SafetensorsFile& file, const BareFileHints& hints) {
    const std::string path = file.path().string();
    check(hints.arch.has_value(), "{} does not say which network it holds: give --arch (one of {})", path,
          fmt::join(resnet_names(), ", "));
    const SafetensorsEntry* conv1 = file.find("conv1.weight");
    check(conv1 != nullptr && conv1->shape.size() == 4,
          "{} holds no ResNet in torchvision's naming: there is no tensor conv1.weight of four dimensions", path);
    ResNetConfig config;
    config.arch = *hints.arch;
    config.width = conv1->shape[0];
    config.in_channels = conv1->shape[1];
    config.stem = conv1->shape[2] == 7 ? Stem::imagenet : stem_from_name(hints.stem.value_or("cifar"));
    const SafetensorsEntry* fc = file.find("fc.weight");
    const SafetensorsEntry* mlp = file.find("fc.2.weight");
    config.head = mlp ? Head::mlp : fc ? Head::linear : Head::none;
    if (config.head != Head::none) config.dim = (mlp ? mlp : fc)->shape.at(0);
    return config;
}

/// Files of classifiers from before PyTorch 0.4.1 do not count batches.
const LoadOptions kBareFile = {UnexpectedKeys::refuse, {"fc."}, {"num_batches_tracked"}};

ModuleState without_head(ModuleState state) {
    std::erase_if(state.parameters, [](const NamedTensor& named) { return named.name.starts_with("fc."); });
    return state;
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const Moco& moco, const RunConfig& config,
                     const TrainedOn& trained_on, const TrainingProgress& progress) {
    const Backend& backend = moco.queue.keys().backend();
    Metadata metadata = {{"format", kFormat},
                         {"format_version", kVersion},
                         {"config", method_settings(config)},
                         {"data", trained_on.data},
                         {"in_channels", fmt::format("{}", trained_on.in_channels)},
                         {"images", fmt::format("{}", trained_on.images)},
                         {"instruction_set", backend.instruction_set()},
                         {"views_made_on", std::string(views_made_on(config, backend))}};
    if (const std::string tuning = backend.tuning(); !tuning.empty()) metadata["tuning"] = tuning;
    // {fmt} writes the shortest digits that read back as the same double.
    for_each_field(progress, [&](const char* name, auto value) { metadata[name] = fmt::format("{}", value); });
    std::vector<SafetensorsItem> items;
    append_items(items, kQuery, moco.f_q.state());
    append_items(items, kKey, moco.f_k.state());
    items.push_back(to_transposed_item("queue", moco.queue.keys()));
    items.push_back(to_item("queue_ptr", moco.queue.pointer()));
    append_items(items, kOptimizer, moco.sgd.momenta());
    write_safetensors(path, metadata, items);
}

TrainingProgress load_checkpoint(const std::filesystem::path& path, Moco& moco) {
    const SafetensorsFile file(path);
    check_ours(file);
    const TrainingProgress progress = progress_of(file);
    Tensor keys = Tensor::empty_like(moco.queue.keys());
    load_transposed(file, "queue", keys);
    const int64_t pointer = load_integer(file, "queue_ptr");
    load_state(file, kQuery, moco.f_q.state());
    load_state(file, kKey, moco.f_k.state());
    load_tensors(file, kOptimizer, moco.sgd.momenta());
    moco.queue.restore(keys, pointer);
    return progress;
}

CheckpointInfo read_checkpoint_info(const std::filesystem::path& path) {
    const SafetensorsFile file(path);
    CheckpointInfo info;
    info.moco = is_ours(file);
    const std::string prefix = info.moco ? kQuery : "";
    info.tensors = static_cast<int64_t>(file.entries().size());
    for (const SafetensorsEntry& entry : file.entries()) {
        if (entry.name.starts_with(prefix) && is_parameter(entry.name)) info.parameters += entry.count();
    }
    info.bytes = static_cast<int64_t>(std::filesystem::file_size(path));
    if (!info.moco) return info;
    check_ours(file);
    info.config = config_of(file);
    info.trained_on = trained_on_of(file);
    info.progress = progress_of(file);
    info.instruction_set = metadata_of(file, "instruction_set");
    const auto tuning = file.metadata().find("tuning");
    if (tuning != file.metadata().end()) info.tuning = tuning->second;
    const auto views = file.metadata().find("views_made_on");
    if (views != file.metadata().end()) info.views_made_on = views->second;
    return info;
}

std::unique_ptr<ResNet> load_encoder(const std::filesystem::path& path, const BareFileHints& hints, Backend& backend) {
    const SafetensorsFile file(path);
    std::unique_ptr<ResNet> f;
    if (is_ours(file)) {
        check_ours(file);
        f = std::make_unique<ResNet>(encoder_config(config_of(file), trained_on_of(file).in_channels), 0, backend);
        load_state(file, kQuery, f->state());
    } else {
        f = std::make_unique<ResNet>(bare_config(file, hints), 0, backend);
        load_state(file, "", f->state(), {UnexpectedKeys::refuse, {}, kBareFile.optional});
    }
    f->set_mode(BatchNormMode::eval);
    return f;
}

void warm_start(const std::filesystem::path& path, Moco& moco) {
    const SafetensorsFile file(path);
    for (ResNet* f : {&moco.f_q, &moco.f_k}) {
        if (is_ours(file)) {
            check_ours(file);
            load_state(file, kQuery, f->state());
        } else {
            load_state(file, "", without_head(f->state()), kBareFile);
        }
    }
}

}  // namespace moco
