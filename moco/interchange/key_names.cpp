#include "moco/interchange/key_names.h"

#include <fmt/format.h>

namespace moco {
namespace {

/// What stands before and after the first dot; nothing where there is none.
struct Split {
    std::string_view first, rest;
};
std::optional<Split> split(std::string_view key) {
    const size_t dot = key.find('.');
    if (dot == key.npos) return std::nullopt;
    return Split{key.substr(0, dot), key.substr(dot + 1)};
}

/// "shortcut.0.weight" -> "downsample.0.weight" within a block ("0.shortcut.0.weight").
std::string with_downsample(std::string_view rest) {
    constexpr std::string_view kShortcut = "shortcut.";
    const std::optional<Split> block = split(rest);
    if (!block || !block->rest.starts_with(kShortcut)) return std::string(rest);
    return fmt::format("{}.downsample.{}", block->first, block->rest.substr(kShortcut.size()));
}

/// detectron2's convolutions own their batch norm: "conv1.norm.weight" is "bn1.weight", "shortcut.norm.weight" is
/// "downsample.1.weight".
std::optional<std::string> part_of_detectron2(std::string_view key) {
    const std::optional<Split> part = split(key);
    if (!part) return std::nullopt;
    constexpr std::string_view kNorm = "norm.";
    const bool norm = part->rest.starts_with(kNorm);
    const std::string_view rest = norm ? part->rest.substr(kNorm.size()) : part->rest;
    if (part->first == "shortcut") return fmt::format("downsample.{}.{}", norm ? 1 : 0, rest);
    if (part->first.size() != 5 || !part->first.starts_with("conv")) return std::nullopt;
    return norm ? fmt::format("bn{}.{}", part->first.substr(4), rest) : std::string(key);
}

std::string part_for_detectron2(std::string_view key) {
    constexpr std::string_view kConvolution = "downsample.0.", kNorm = "downsample.1.";
    if (key.starts_with(kConvolution)) return fmt::format("shortcut.{}", key.substr(kConvolution.size()));
    if (key.starts_with(kNorm)) return fmt::format("shortcut.norm.{}", key.substr(kNorm.size()));
    if (key.starts_with("bn")) return fmt::format("conv{}.norm.{}", key.substr(2, 1), key.substr(4));
    return std::string(key);
}

}  // namespace

const PartNames& torchvision_parts() {
    static const PartNames parts = {{"conv1", "conv1"},   {"bn1", "bn1"},       {"layer1", "layer1"},
                                    {"layer2", "layer2"}, {"layer3", "layer3"}, {"layer4", "layer4"}};
    return parts;
}

std::optional<std::string> torchvision_name(std::string_view key, const PartNames& parts) {
    const std::optional<Split> name = split(key);
    if (!name) return std::nullopt;
    const auto part = parts.find(std::string(name->first));
    if (part == parts.end()) return std::nullopt;
    const bool stage = part->second.starts_with("layer");
    return fmt::format("{}.{}", part->second, stage ? with_downsample(name->rest) : std::string(name->rest));
}

std::optional<std::string> torchvision_name_of_detectron2(std::string_view key) {
    const std::optional<Split> name = split(key);
    if (!name) return std::nullopt;
    if (name->first == "stem") return part_of_detectron2(name->rest);
    if (name->first.size() != 4 || !name->first.starts_with("res") || name->first[3] < '2' || name->first[3] > '5')
        return std::nullopt;
    const std::optional<Split> block = split(name->rest);
    if (!block) return std::nullopt;
    const std::optional<std::string> part = part_of_detectron2(block->rest);
    if (!part) return std::nullopt;
    return fmt::format("layer{}.{}.{}", name->first[3] - '1', block->first, *part);
}

std::optional<std::string> detectron2_name(std::string_view torchvision_key) {
    const std::optional<Split> name = split(torchvision_key);
    if (!name) return std::nullopt;
    if (name->first == "conv1" || name->first == "bn1") return "stem." + part_for_detectron2(torchvision_key);
    if (!name->first.starts_with("layer")) return std::nullopt;
    const std::optional<Split> block = split(name->rest);
    if (!block) return std::nullopt;
    return fmt::format("res{}.{}.{}", name->first[5] - '0' + 1, block->first, part_for_detectron2(block->rest));
}

}  // namespace moco
