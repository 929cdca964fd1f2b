#include "moco/interchange/layouts.h"

#include <algorithm>

#include "core/error.h"

namespace moco {
namespace {

bool holds(const std::string& text, std::string_view part) {
    return text.find(part) != text.npos;
}

bool any_name_holds(const TensorFile& file, std::string_view part) {
    const auto& entries = file.entries();
    return std::any_of(entries.begin(), entries.end(), [=](const TensorEntry& e) { return holds(e.name, part); });
}

/// Of the reference code: which version its head tells.
std::string reference_layout(const FoundNetwork& found) {
    const bool mlp = std::any_of(found.names.begin(), found.names.end(),
                                 [](const auto& name) { return name.second == "fc.2.weight"; });
    if (mlp) return "the reference code (MoCo v2)";
    return found.head_prefix.empty() ? "the reference code (MoCo)" : "the reference code (MoCo v1)";
}

std::string backbone_layout(const TensorFile& file, const FoundNetwork& found) {
    const bool numbered = found.names.contains(found.encoder_prefix + "0.weight");
    if (numbered || any_name_holds(file, "projection_head.")) return "lightly";
    if (any_name_holds(file, "neck.") || any_name_holds(file, "head.fc.") || any_name_holds(file, "data_preprocessor."))
        return "mmpretrain or mmselfsup";
    if (any_name_holds(file, "momentum_backbone.") || any_name_holds(file, "classifier.")) return "solo-learn";
    if (any_name_holds(file, "projector.")) return "Barlow Twins";
    return "torchvision's names behind 'backbone.'";
}

std::string encoder_layout(const TensorFile& file) {
    if (any_name_holds(file, "momentum_encoder.") || any_name_holds(file, "projector.")) return "solo-learn";
    if (any_name_holds(file, "predictor.")) return "SimSiam";
    return "torchvision's names behind 'encoder.'";
}

}  // namespace

bool is_momentum_encoder(const std::string& prefix) {
    for (const char* word : {"encoder_k.", "momentum", "teacher.", "target_", "ema."}) {
        if (holds(prefix, word)) return true;
    }
    return false;
}

bool is_teacher(const std::string& prefix) {
    return holds(prefix, "teacher.");
}

std::vector<std::string> head_prefixes(const std::string& encoder_prefix) {
    std::vector<std::string> all = {encoder_prefix + "fc."};
    for (const int child : {9, 8, 7}) all.push_back(fmt::format("{}{}.", encoder_prefix, child));  // of a Sequential
    const auto beside = [&](std::string_view end, std::initializer_list<const char*> heads) {
        if (!encoder_prefix.ends_with(end)) return;
        const std::string outer = encoder_prefix.substr(0, encoder_prefix.size() - end.size());
        for (const char* head : heads) all.push_back(outer + head);
    };
    beside("momentum_backbone.", {"momentum_projector."});
    beside("backbone_momentum.", {"projection_head_momentum.layers."});
    beside("backbone.", {"projection_head.layers.", "projector.", "neck.mlp.", "head.fc."});
    beside("encoder.", {"projector."});
    beside("encoder_q.0.", {"encoder_q.1.mlp."});
    beside("encoder_k.0.", {"encoder_k.1.mlp."});
    return all;
}

std::string layout_name(const TensorFile& file, const FoundNetwork& found, bool detectron2) {
    const std::string& prefix = found.encoder_prefix;
    if (detectron2) return "detectron2";
    if (holds(prefix, "encoder_q.") || holds(prefix, "encoder_k.")) {
        if (holds(prefix, "net.")) return "the reference code's CIFAR demo";
        return prefix.ends_with(".0.") ? "mmselfsup" : reference_layout(found);
    }
    if (holds(prefix, "base_encoder.") || (holds(prefix, "momentum_encoder.") && any_name_holds(file, "base_encoder.")))
        return "moco-v3";
    if (holds(prefix, "_feature_blocks.")) return "vissl";
    if (holds(prefix, "teacher.") || holds(prefix, "student.")) return "DINO";
    if (holds(prefix, "backbone")) return backbone_layout(file, found);
    if (holds(prefix, "encoder.")) return encoder_layout(file);
    if (prefix.empty() || prefix == "state_dict." || prefix == "model.") return "torchvision or timm";
    return "torchvision's names behind '" + prefix + "'";
}

}  // namespace moco
