#include "moco/interchange/key_report.h"

#include <algorithm>
#include <unordered_set>

#include "core/error.h"
#include "moco/interchange/resnet_keys.h"

namespace moco {
namespace {

std::string why_left_over(const std::string& name, const FoundNetwork& found) {
    for (const std::string& prefix : found.others) {
        if (!prefix.empty() && name.starts_with(prefix)) return "another encoder";
    }
    if (name.find("queue") != name.npos) return "the queue";
    if (name.starts_with("optimizer") || name.find(".optimizer") != name.npos) return "the optimizer";
    for (const char* head : {"fc.", "project", "predict", "head", "neck", "classifier", "mlp"}) {
        if (name.find(head) != name.npos) return "a head of another kind, or of another encoder";
    }
    return name.starts_with(found.encoder_prefix) ? "not part of such a network" : "beside the network";
}

}  // namespace

std::string_view name_of(KeyFate fate) {
    switch (fate) {
        case KeyFate::matched:
            return "matched";
        case KeyFate::renamed:
            return "renamed";
        case KeyFate::other_shape:
            return "other shape";
        case KeyFate::missing:
            return "missing";
        case KeyFate::left_over:
            return "left over";
    }
    fail("a fate of keys that has no name");
}

std::vector<KeyRow> key_report(const TensorFile& file, const FoundNetwork& found, const NetworkConfig& config) {
    std::unordered_map<std::string, std::string> in_file;
    for (const auto& [name, here] : found.names) in_file[here] = name;
    std::vector<KeyRow> rows;
    std::unordered_set<std::string> used;
    for (const ExpectedKey& key : expected_keys(config)) {
        const auto name = in_file.find(key.name);
        if (name == in_file.end()) {
            if (key.name.ends_with("num_batches_tracked")) continue;
            rows.push_back({KeyFate::missing, "", key.name, FileDType::f32, {}, key.shape, ""});
            continue;
        }
        const TensorEntry& entry = file.at(name->second);
        used.insert(entry.name);
        KeyRow row = {entry.name == key.name ? KeyFate::matched : KeyFate::renamed,
                      entry.name,
                      key.name,
                      entry.dtype,
                      entry.shape,
                      {},
                      ""};
        if (entry.shape != key.shape) row.fate = KeyFate::other_shape, row.expected = key.shape;
        rows.push_back(std::move(row));
    }
    for (const TensorEntry& entry : file.entries()) {
        if (used.contains(entry.name)) continue;
        rows.push_back(
            {KeyFate::left_over, entry.name, "", entry.dtype, entry.shape, {}, why_left_over(entry.name, found)});
    }
    return rows;
}

}  // namespace moco
