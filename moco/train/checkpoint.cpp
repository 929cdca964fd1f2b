// Writing and reading a run's state. The tensors go through nn/serialize, which knows PyTorch's layouts.
#include "moco/train/checkpoint.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>

#include "core/error.h"
#include "core/parse.h"
#include "moco/train/diagnostics.h"
#include "nn/serialize.h"

namespace moco {
namespace {

constexpr const char* kFormat = "moco.cpp checkpoint";
constexpr const char* kVersion = "1";
constexpr const char* kPretrain = "pretrain";
constexpr const char* kClassifier = "classifier";

const std::string* find(const TensorFile& file, const std::string& key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? nullptr : &found->second;
}

std::string text_of(const ClassifierData& data) {
    const nlohmann::ordered_json object = {{"class_names", data.class_names},
                                           {"mean", data.normalization.mean},
                                           {"std", data.normalization.std},
                                           {"H", data.H},
                                           {"W", data.W}};
    // Names of folders need not be UTF-8; JSON must be.
    return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

ClassifierData classifier_of(const std::string& text, const TensorFile& file) {
    try {
        const auto object = nlohmann::json::parse(text);
        ClassifierData data;
        object.at("class_names").get_to(data.class_names);
        object.at("mean").get_to(data.normalization.mean);
        object.at("std").get_to(data.normalization.std);
        object.at("H").get_to(data.H);
        object.at("W").get_to(data.W);
        return data;
    } catch (const nlohmann::json::exception&) {
        fail("{} is damaged: its metadata has {} = '{}'", file.path().string(), kClassifier, text);
    }
}

const std::string& metadata_of(const TensorFile& file, const std::string& key) {
    const std::string* found = find(file, key);
    check(found != nullptr, "{} is damaged: its metadata lacks '{}'", file.path().string(), key);
    return *found;
}

template <typename T>
T number_of(const TensorFile& file, const std::string& key) {
    const std::string& text = metadata_of(file, key);
    const std::optional<T> value = parse_number<T>(text);
    check(value.has_value(), "{} is damaged: its metadata has {} = '{}'", file.path().string(), key, text);
    return *value;
}

// One list of the progress' fields serves both directions.
template <typename Progress, typename Visit>
void for_each_field(Progress& progress, const std::vector<ValueName>& values, const Visit& visit) {
    visit("epoch", progress.epoch);
    visit("step", progress.step);
    visit("log_lines", progress.log_lines);
    for (size_t i = 0; i < values.size(); ++i) visit(values[i].sum_name, progress.sums[i]);
    visit("epoch_steps", progress.epoch_steps);
    visit("epoch_skipped", progress.epoch_skipped);
}

TrainingProgress progress_of(const TensorFile& file, const std::vector<ValueName>& values) {
    TrainingProgress progress;
    progress.sums.resize(values.size());
    for_each_field(progress, values, [&](const std::string& name, auto& value) {
        value = number_of<std::remove_reference_t<decltype(value)>>(file, name);
    });
    return progress;
}

}  // namespace

TrainedOn trained_on(const Dataset& data) {
    return {data.info().name, data.info().channels, data.count()};
}

std::optional<ClassifierData> classifier_data(const DatasetInfo* info) {
    if (info == nullptr) return std::nullopt;
    return ClassifierData{info->class_names, info->normalization, info->H, info->W};
}

void save_checkpoint(const std::filesystem::path& path, const CheckpointHeader& header,
                     const TrainingProgress& progress, const std::vector<ValueName>& values, const VisitState& visit) {
    save_checkpoint(path, header, progress, values, items_of(visit));
}

void save_checkpoint(const std::filesystem::path& path, const CheckpointHeader& header,
                     const TrainingProgress& progress, const std::vector<ValueName>& values,
                     const std::vector<TensorItem>& tensors) {
    Metadata metadata = {{"format", kFormat},
                         {"format_version", kVersion},
                         {"config", header.config},
                         {"data", header.trained_on.data},
                         {"in_channels", fmt::format("{}", header.trained_on.in_channels)},
                         {"images", fmt::format("{}", header.trained_on.images)},
                         {"instruction_set", header.instruction_set},
                         {"views_made_on", header.views_made_on}};
    if (header.command != kPretrain) metadata["task"] = header.command;
    if (!header.tuning.empty()) metadata["tuning"] = header.tuning;
    if (!header.names.empty()) metadata["names"] = header.names;
    if (header.classifier) metadata[kClassifier] = text_of(*header.classifier);
    // {fmt} writes the shortest digits that read back as the same double.
    for_each_field(progress, values,
                   [&](const std::string& name, auto value) { metadata[name] = fmt::format("{}", value); });
    write_safetensors(path, metadata, tensors, WithChecksums::yes);
}

TrainingProgress load_checkpoint(const std::filesystem::path& path, const std::vector<ValueName>& values,
                                 const VisitState& visit) {
    const SafetensorsFile file(path);
    check(is_checkpoint(file), "{} is no checkpoint of a run (its metadata lacks format = '{}')", path.string(),
          kFormat);
    const TrainingProgress progress = progress_of(file, values);
    LoadOptions options;
    options.ignored = {kDiagnosticsPrefix};  // which whoever looks at the run takes up itself
    load_state(file, visit, options);
    return progress;
}

bool is_checkpoint(const TensorFile& file) {
    const std::string* format = find(file, "format");
    if (format == nullptr || *format != kFormat) return false;
    const std::string* version = find(file, "format_version");
    check(version != nullptr && *version == kVersion, "{} has checkpoint format {}, this program reads format {}",
          file.path().string(), version == nullptr ? "(none)" : *version, kVersion);
    return true;
}

CheckpointHeader read_header(const TensorFile& file) {
    const auto or_empty = [&](const char* key) {
        const std::string* found = find(file, key);
        return found == nullptr ? "" : *found;
    };
    CheckpointHeader header;
    if (const std::string* task = find(file, "task")) header.command = *task;
    header.config = metadata_of(file, "config");
    header.trained_on = {metadata_of(file, "data"), number_of<int64_t>(file, "in_channels"),
                         number_of<int64_t>(file, "images")};
    header.instruction_set = metadata_of(file, "instruction_set");
    header.tuning = or_empty("tuning");
    header.views_made_on = or_empty("views_made_on");
    header.names = or_empty("names");
    if (const std::string* text = find(file, kClassifier)) header.classifier = classifier_of(*text, file);
    return header;
}

CheckpointInfo read_checkpoint_info(const std::filesystem::path& path) {
    const SafetensorsFile file(path);
    CheckpointInfo info;
    info.moco = is_checkpoint(file);
    info.tensors = static_cast<int64_t>(file.entries().size());
    info.bytes = static_cast<int64_t>(std::filesystem::file_size(path));
    if (!info.moco) return info;
    info.header = read_header(file);
    info.epoch = number_of<int64_t>(file, "epoch");
    info.step = number_of<int64_t>(file, "step");
    return info;
}

}  // namespace moco
