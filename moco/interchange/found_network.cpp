#include "moco/interchange/found_network.h"

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "moco/interchange/key_names.h"
#include "moco/interchange/layouts.h"

namespace moco {
namespace {

/// An encoder that the file seems to hold.
struct Candidate {
    std::string prefix;
    PartNames parts;  // empty: detectron2's names
};

/// What stands before `end` in a name, where a part begins there.
std::optional<std::string> before(const std::string& name, std::string_view end) {
    if (!name.ends_with(end)) return std::nullopt;
    std::string prefix = name.substr(0, name.size() - end.size());
    if (!prefix.empty() && prefix.back() != '.') return std::nullopt;
    return prefix;
}

/// The parts of a Sequential of a ResNet's children: convolution, batch norm, perhaps ReLU and pool, four stages.
std::optional<PartNames> numbered_parts(const TensorFile& file, const std::string& prefix) {
    PartNames parts = {{"0", "conv1"}, {"1", "bn1"}};
    int stage = 0;
    for (int child = 2; child < 9 && stage < 4; ++child) {
        const std::string name = fmt::format("{}", child);
        if (file.find(prefix + name + ".0.conv1.weight") != nullptr) parts[name] = fmt::format("layer{}", ++stage);
    }
    return stage == 4 ? std::optional(parts) : std::nullopt;
}

std::optional<Candidate> candidate_at(const TensorFile& file, const TensorEntry& entry) {
    if (entry.shape.size() != 4) return std::nullopt;
    if (const auto prefix = before(entry.name, "stem.conv1.weight");
        prefix && file.find(*prefix + "res2.0.conv1.weight"))
        return Candidate{*prefix, {}};
    if (const auto prefix = before(entry.name, "conv1.weight"); prefix && file.find(*prefix + "layer1.0.conv1.weight"))
        return Candidate{*prefix, torchvision_parts()};
    if (const auto prefix = before(entry.name, "0.weight")) {
        if (const auto parts = numbered_parts(file, *prefix)) return Candidate{*prefix, *parts};
    }
    return std::nullopt;
}

std::vector<Candidate> candidates_in(const TensorFile& file) {
    std::vector<Candidate> all;
    for (const TensorEntry& entry : file.entries()) {
        // Momenta of an optimizer have the names of what they belong to, with another word before them.
        if (entry.name.starts_with("optimizer")) continue;
        if (auto candidate = candidate_at(file, entry)) all.push_back(std::move(*candidate));
    }
    return all;
}

const Candidate& chosen(const std::vector<Candidate>& all, const TensorFile& file, WhichEncoder which) {
    const auto is_key = [](const Candidate& c) { return is_momentum_encoder(c.prefix); };
    const auto key = std::find_if(all.begin(), all.end(), is_key),
               query = std::find_if_not(all.begin(), all.end(), is_key);
    check(which != WhichEncoder::key || key != all.end(), "--encoder k: {} holds no momentum encoder, only {}",
          file.path().string(), query == all.end() ? "" : query->prefix + "*");
    check(which != WhichEncoder::query || query != all.end(), "--encoder q: {} holds a momentum encoder only, {}*",
          file.path().string(), key == all.end() ? "" : key->prefix);
    if (query == all.end() || which == WhichEncoder::key) return *key;
    const bool dino = key != all.end() && is_teacher(key->prefix);
    return which == WhichEncoder::usual && dino ? *key : *query;
}

std::string first_name(const TensorFile& file) {
    return file.entries().empty() ? "none at all" : file.entries().front().name;
}

bool has_shape(const TensorFile& file, const std::string& name, size_t rank) {
    const TensorEntry* entry = file.find(name);
    return entry != nullptr && entry->shape.size() == rank;
}

/// Whether exactly a linear layer, or Linear - ReLU - Linear of MoCo v2, has this prefix: the parts of the keys after
/// it.
std::vector<std::string> head_keys(const TensorFile& file, const std::string& prefix) {
    const std::vector<std::string> linear = {"weight", "bias"}, mlp = {"0.weight", "0.bias", "2.weight", "2.bias"};
    size_t with_prefix = 0;
    for (const TensorEntry& entry : file.entries()) with_prefix += entry.name.starts_with(prefix);
    for (const auto& keys : {linear, mlp}) {
        const bool all = std::all_of(keys.begin(), keys.end(), [&](const std::string& key) {
            return has_shape(file, prefix + key, key.ends_with("weight") ? 2 : 1);
        });
        if (!all || with_prefix != keys.size()) continue;
        if (keys.size() == 4) {
            const TensorEntry& hidden = file.at(prefix + "0.weight");
            if (hidden.shape[0] != hidden.shape[1]) continue;  // ours is d x d
        }
        return keys;
    }
    return {};
}

void add_head(const TensorFile& file, FoundNetwork& found) {
    for (const std::string& prefix : head_prefixes(found.encoder_prefix)) {
        const std::vector<std::string> keys = head_keys(file, prefix);
        if (keys.empty()) continue;
        found.head_prefix = prefix;
        for (const std::string& key : keys) found.names[prefix + key] = "fc." + key;
        return;
    }
}

}  // namespace

WhichEncoder which_encoder(const std::string& flag) {
    check(flag == "q" || flag == "k", "--encoder {}: expected q (f_q) or k (the momentum encoder)", flag);
    return flag == "q" ? WhichEncoder::query : WhichEncoder::key;
}

FoundNetwork find_network(const TensorFile& file, WhichEncoder which) {
    const std::vector<Candidate> all = candidates_in(file);
    check(
        !all.empty(),
        "{} holds no ResNet that this program knows: no tensor is called conv1.weight beside a layer1.0.conv1.weight, "
        "with or without something before it; its first is {}",
        file.path().string(), first_name(file));
    const Candidate& candidate = chosen(all, file, which);
    FoundNetwork found;
    found.encoder_prefix = candidate.prefix;
    for (const Candidate& other : all) {
        if (&other != &candidate) found.others.push_back(other.prefix);
    }
    for (const TensorEntry& entry : file.entries()) {
        if (!entry.name.starts_with(candidate.prefix)) continue;
        const std::string_view rest = std::string_view(entry.name).substr(candidate.prefix.size());
        const std::optional<std::string> name =
            candidate.parts.empty() ? torchvision_name_of_detectron2(rest) : torchvision_name(rest, candidate.parts);
        if (name) found.names[entry.name] = *name;
    }
    add_head(file, found);
    found.layout = layout_name(file, found, candidate.parts.empty());
    return found;
}

}  // namespace moco
