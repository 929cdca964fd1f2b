#include "apps/weights_report.h"

#include <fmt/format.h>

#include <map>

#include "moco/tasks/weights.h"
#include "nn/tensor_file.h"

namespace moco::apps {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

std::string_view name_of_head(Head head) {
    return head == Head::none ? "none" : head == Head::linear ? "linear" : "mlp";
}

Json key_json(const KeyRow& row) {
    Json key = {{"fate", name_of(row.fate)}, {"in_file", text_or_null(row.in_file)}, {"here", text_or_null(row.here)}};
    if (row.fate != KeyFate::missing) {
        key["dtype"] = name_of(row.dtype);
        key["shape"] = row.shape;
    }
    if (!row.expected.empty()) key["expected_shape"] = row.expected;
    if (!row.why.empty()) key["why"] = row.why;
    return key;
}

std::string text(const Json& value) {
    return value.is_null() ? "" : value.get<std::string>();
}

std::string shape_of(const Json& key, const char* name) {
    return key.contains(name) ? shape_text(key[name].get<std::vector<int64_t>>()) : "";
}

void print_key(const Json& key) {
    const std::string fate = text(key["fate"]), in_file = text(key["in_file"]), here = text(key["here"]);
    std::string line = fmt::format("  {:<12}{}", fate, in_file.empty() ? here : in_file);
    if (!in_file.empty() && !here.empty() && in_file != here) line += " -> " + here;
    if (key.contains("shape")) line += fmt::format("  {} {}", text(key["dtype"]), shape_of(key, "shape"));
    if (key.contains("expected_shape")) line += fmt::format("  (expected {})", shape_of(key, "expected_shape"));
    if (key.contains("why")) line += fmt::format("  ({})", text(key["why"]));
    fmt::print("{}\n", line);
}

}  // namespace

Json weights_json(const std::filesystem::path& file) {
    const ForeignReport report = foreign_report(file, {});
    const NetworkConfig& config = report.config;
    Json object = {{"kind", "weights"},
                   {"file", file.string()},
                   {"bytes", std::filesystem::file_size(file)},
                   {"layout", report.found.layout},
                   {"encoder", report.found.encoder_prefix},
                   {"other_encoders", report.found.others},
                   {"arch", config.arch},
                   {"width", config.width},
                   {"channels", config.in_channels},
                   {"stem", name_of(config.stem)},
                   {"head", name_of_head(config.head)},
                   {"dim", config.head == Head::none ? Json(nullptr) : Json(config.dim)},
                   {"parameters", report.parameters}};
    std::map<KeyFate, int64_t> counts;
    Json keys = Json::array();
    for (const KeyRow& row : report.keys) {
        ++counts[row.fate];
        keys.push_back(key_json(row));
    }
    int64_t tensors = 0;
    for (const KeyRow& row : report.keys) tensors += row.fate != KeyFate::missing;
    object["tensors"] = tensors;
    for (const KeyFate fate :
         {KeyFate::matched, KeyFate::renamed, KeyFate::other_shape, KeyFate::missing, KeyFate::left_over}) {
        object["counts"][std::string(name_of(fate))] = counts[fate];
    }
    object["keys"] = keys;
    return object;
}

void print_weights(const Json& object) {
    const std::string prefix = text(object["encoder"]), head = text(object["head"]);
    fmt::print("weights {}\n  {} tensors, {:.1f} MiB; {:.2f} million parameters\n", text(object["file"]),
               object["tensors"].get<int64_t>(), object["bytes"].get<double>() / (1 << 20),
               object["parameters"].get<double>() * 1e-6);
    fmt::print("  names: {}{}\n", text(object["layout"]), prefix.empty() ? "" : fmt::format(", {}*", prefix));
    for (const Json& other : object["other_encoders"]) fmt::print("  another encoder: {}*\n", text(other));
    fmt::print("  {}, width {}, {} channels, stem {}, {}\n", text(object["arch"]), object["width"].get<int64_t>(),
               object["channels"].get<int64_t>(), text(object["stem"]),
               head == "none" ? "no head" : fmt::format("head {} of {}", head, object["dim"].get<int64_t>()));
    std::string counts;
    for (const auto& [fate, count] : object["counts"].items()) {
        counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", count.get<int64_t>(), fate);
    }
    fmt::print("  keys: {}\n", counts);
    for (const Json& key : object["keys"]) print_key(key);
}

}  // namespace moco::apps
