// moco info: what a checkpoint, a data set or this machine is.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/commands.h"
#include "apps/device.h"
#include "apps/evaluation.h"
#include "apps/json.h"
#include "apps/weights_report.h"
#include "core/cores.h"
#include "core/error.h"
#include "cpu/targets.h"
#include "moco/data/dataset.h"
#include "moco/interchange/open_tensors.h"
#include "moco/tasks/weights.h"
#include "moco/train/run_folder.h"
#include "moco/train/settings/views.h"

namespace moco::apps {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kDescription =
    "Tell what a checkpoint, a data set or this machine is.\n"
    "A checkpoint is a file of weights, ours or another program's, or the folder of a run; everything else is taken "
    "for a\n"
    "data set. Of another program's weights it tells key by key what they are here.";

struct Flags {
    std::string what, checkpoint, data;
    FolderOptions folder;
    bool json = false, machine = false;
};

/// The instruction sets come best first; MOCO_TARGET may name any of them.
Json machine_json() {
    const std::unique_ptr<Backend> backend = make_backend("cpu");
    const Cores here = cores();
    return {{"kind", "machine"},
            {"version", MOCO_VERSION},
            {"device", backend->description()},
            {"instruction_set", backend->instruction_set()},
            {"instruction_sets", cpu::usable_targets()},
            {"threads", here.usable()},
            {"cores", here.host},
            {"cores_allowed", here.allowed},
            {"cores_granted", here.quota > 0 ? Json(here.quota) : Json(nullptr)}};
}

void print_machine(const Json& object) {
    fmt::print("moco {} on {}\ninstruction sets: {}\n", object["version"].get<std::string>(),
               object["device"].get<std::string>(),
               fmt::join(object["instruction_sets"].get<std::vector<std::string>>(), ", "));
    const Json& granted = object["cores_granted"];
    fmt::print("threads: {} unless --threads says otherwise; {} cores, of which the process may run on {} and {}\n",
               object["threads"].get<int>(), object["cores"].get<int>(), object["cores_allowed"].get<int>(),
               granted.is_null() ? "has no quota" : fmt::format("has the time of {}", granted.get<int>()));
}

Json part_json(const DatasetPtr& data) {
    if (data == nullptr) return nullptr;
    const DatasetInfo& info = data->info();
    Json part = {{"images", info.count}, {"channels", info.channels}, {"classes", info.classes}};
    if (!info.folder.empty()) part["folder"] = info.folder;
    part["height"] = info.H > 0 ? Json(info.H) : Json(nullptr);
    part["width"] = info.W > 0 ? Json(info.W) : Json(nullptr);
    return part;
}

Json data_json(const std::string& spec, const FolderOptions& folder) {
    const Splits splits = open_dataset(spec, {}, folder);
    Json object = {{"kind", "data set"}, {"name", splits.train->info().name}};
    object["pretrain"] = part_json(splits.pretrain);
    object["train"] = part_json(splits.train);
    object["test"] = part_json(splits.test);
    object["class_names"] = splits.train->info().class_names;
    object["notes"] = splits.notes;
    if (!splits.pretrain) object["notes"].push_back(splits.pretrain_is_missing);
    return object;
}

Json checkpoint_json(const std::filesystem::path& file) {
    const std::unique_ptr<TensorFile> opened = open_tensors(file);
    if (!is_checkpoint(*opened)) return weights_json(file);
    const TensorFile& tensors = *opened;
    const CheckpointInfo info = read_checkpoint_info(file);
    Json object = {{"kind", "checkpoint"},
                   {"file", file.string()},
                   {"bytes", info.bytes},
                   {"tensors", info.tensors},
                   {"parameters", parameters_in(tensors)}};
    object["task"] = info.header.command;
    object["data"] = info.header.trained_on.data;
    object["channels"] = info.header.trained_on.in_channels;
    object["epoch"] = info.epoch;
    object["step"] = info.step;
    object["instruction_set"] = info.header.instruction_set;
    for (const auto& setting : settings_of(tensors)) {
        const auto to_json = [](const auto& value) -> Json {
            if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::monostate>)
                return nullptr;
            else
                return value;
        };
        object["config"][setting.first] = std::visit(to_json, setting.second);
    }
    return object;
}

void print_part(const char* name, const Json& part) {
    if (part.is_null()) return;
    fmt::print("  {:<10}{} images", name, part["images"].get<int64_t>());
    if (!part["height"].is_null())
        fmt::print(" of {} x {}", part["height"].get<int64_t>(), part["width"].get<int64_t>());
    fmt::print(", {}", kind_of_images(part["channels"].get<int64_t>()));
    const auto classes = part["classes"].get<int64_t>();
    fmt::print(", {}", classes > 0 ? fmt::format("{} classes", classes) : "unlabelled");
    part.contains("folder") ? fmt::print(" (in {})\n", part["folder"].get<std::string>()) : fmt::print("\n");
}

void print_data(const Json& object) {
    fmt::print("data set {}\n", object["name"].get<std::string>());
    for (const char* part : {"pretrain", "train", "test"}) print_part(part, object[part]);
    std::string list;
    for (const Json& name : object["class_names"]) list += (list.empty() ? "" : ", ") + name.get<std::string>();
    if (!list.empty()) fmt::print("  classes: {}\n", list);
    for (const Json& note : object["notes"]) fmt::print("  {}\n", note.get<std::string>());
}

void print_checkpoint(const Json& object) {
    if (object["kind"] == "weights") return print_weights(object);
    fmt::print("{} {}\n  {} tensors, {:.1f} MiB; {:.2f} million parameters{}\n", object["kind"].get<std::string>(),
               object["file"].get<std::string>(), object["tensors"].get<int64_t>(),
               object["bytes"].get<double>() / (1 << 20), object["parameters"].get<double>() * 1e-6,
               object.value("task", "") == "pretrain" ? " an encoder" : "");
    fmt::print("  trained on {} ({}), {} epochs and {} steps in all, on {}\n", object["data"].get<std::string>(),
               kind_of_images(object["channels"].get<int64_t>()), object["epoch"].get<int64_t>(),
               object["step"].get<int64_t>(), object["instruction_set"].get<std::string>());
    for (const auto& [name, value] : object["config"].items()) {
        if (!value.is_null())
            fmt::print("  {:<24}{}\n", name, value.is_string() ? value.get<std::string>() : value.dump());
    }
}

bool looks_like_checkpoint(const std::string& what) {
    const std::filesystem::path path = what;
    return path.extension() == ".safetensors" || std::filesystem::is_regular_file(path) ||
           std::filesystem::exists(path / kConfigFile);
}

void run_info(Flags flags) {
    if (flags.machine) {
        const Json object = machine_json();
        return flags.json ? print_json(object) : print_machine(object);
    }
    check(!flags.what.empty() || !flags.checkpoint.empty() || !flags.data.empty(),
          "nothing to tell about: name a checkpoint or a data set ({})", dataset_forms());
    if (!flags.what.empty()) (looks_like_checkpoint(flags.what) ? flags.checkpoint : flags.data) = flags.what;
    const bool checkpoint = !flags.checkpoint.empty();
    const Json object =
        checkpoint ? checkpoint_json(checkpoint_file(flags.checkpoint)) : data_json(flags.data, flags.folder);
    if (flags.json) {
        print_json(object);
    } else {
        checkpoint ? print_checkpoint(object) : print_data(object);
    }
}

}  // namespace

void add_info(const Command& app) {
    const Command command = app.subcommand("info", kDescription);
    auto flags = std::make_shared<Flags>();
    const Option what = command.option("what", flags->what, "checkpoint, run folder, or data set");
    const Option checkpoint =
        command.option("--checkpoint", flags->checkpoint, "a checkpoint or a run folder, and nothing else");
    checkpoint.takes("FILE").excludes(what);
    const Option data = command.option("--data", flags->data, "a data set, and nothing else: " + dataset_forms());
    data.takes("DATA").once().excludes(what).excludes(checkpoint);
    command.option("--labels-from", flags->folder.labels_from, kLabelsFromHelp).takes("FILE.csv");
    command.option("--test-part", flags->folder.test_part, kTestPartHelp).takes("val|test");
    command.flag("--machine", flags->machine, "this machine and the instruction sets that kernels can use here")
        .excludes(what)
        .excludes(checkpoint)
        .excludes(data);
    add_json_flag(command, flags->json);
    command.footer(dataset_help());
    command.runs([flags] { run_info(*flags); });
}

}  // namespace moco::apps
