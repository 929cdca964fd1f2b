#include "moco/tasks/convert.h"

#include "core/error.h"
#include "moco/interchange/key_names.h"
#include "moco/interchange/tensor_items.h"
#include "moco/interchange/write_foreign.h"
#include "moco/tasks/reference_checkpoint.h"
#include "moco/tasks/weights.h"
#include "nn/safetensors.h"

namespace moco {
namespace {

enum class Container { torch, npz, pickle, safetensors };

Container container_of(const std::filesystem::path& out) {
    const std::string end = out.extension().string();
    if (end == ".pth" || end == ".pt" || end == ".tar" || end == ".ckpt") return Container::torch;
    if (end == ".npz") return Container::npz;
    if (end == ".pkl") return Container::pickle;
    check(end == ".safetensors",
          "{}: its name says no kind of file; expected one that ends with .pth, .pt, .pth.tar, "
          ".npz, .pkl or .safetensors",
          out.string());
    return Container::safetensors;
}

/// A tensor's name in the written file; nothing where that has no place for it.
std::optional<std::string> exported_name(const std::string& name, Naming naming, Head head) {
    const bool of_head = name.starts_with("fc.");
    switch (naming) {
        case Naming::torchvision:
        case Naming::timm:
        case Naming::safetensors:
            return of_head && head == Head::mlp && naming != Naming::safetensors ? std::nullopt : std::optional(name);
        case Naming::reference:
            return "module.encoder_q." + name;
        case Naming::detectron2:
            return detectron2_name(name);
        case Naming::mmpretrain:
            if (!of_head) return "backbone." + name;
            return (head == Head::mlp ? "neck.mlp." : "head.fc.") + name.substr(3);
    }
    return std::nullopt;
}

std::vector<TensorItem> exported(const NetworkFile& from, const ConvertOptions& options, Converted& result) {
    std::vector<TensorItem> items;
    bool left_out = false;
    for (const TensorEntry& entry : from.network->entries()) {
        const bool of_head = entry.name.starts_with("fc.");
        if (of_head && options.strip == Strip::all_but_backbone) continue;
        const auto name = exported_name(entry.name, options.naming, from.config.head);
        if (name) {
            items.push_back(item_of(from.network, entry, *name, options.dtype));
        } else {
            left_out = true;
        }
    }
    if (left_out) result.notes.push_back("the head is left out: these names have no place for it");
    return items;
}

PythonValue document_of(std::vector<TensorItem> items, const NetworkFile& from, const ConvertOptions& options) {
    if (options.naming == Naming::reference) return reference_checkpoint(std::move(items), from, options);
    PythonValue state = py(state_dict_of(items));
    if (options.naming == Naming::mmpretrain) {
        return py(PythonDict{{{py("meta"), py(PythonDict{})}, {py("state_dict"), state}}});
    }
    if (options.naming == Naming::detectron2) {
        std::get<PythonDict>(state.value).ordered = false;
        return py(PythonDict{
            {{py("model"), state}, {py("__author__"), py("moco.cpp")}, {py("matching_heuristics"), py(true)}}});
    }
    return state;
}

void check_container(Container container, Naming naming, const std::filesystem::path& out) {
    check(container != Container::pickle || naming == Naming::detectron2,
          "{}: pickles of arrays are detectron2's; write .pth, .npz or .safetensors", out.string());
    check(naming != Naming::safetensors || container == Container::safetensors,
          "--to safetensors: {} does not end with .safetensors", out.string());
    check(naming != Naming::reference || container == Container::torch,
          "--to moco: {} does not end with .pth.tar; the reference code reads no other file", out.string());
}

}  // namespace

Naming naming_from(const std::string& flag) {
    constexpr std::pair<std::string_view, Naming> kNames[] = {
        {"torchvision", Naming::torchvision}, {"timm", Naming::timm},
        {"moco", Naming::reference},          {"detectron2", Naming::detectron2},
        {"mmpretrain", Naming::mmpretrain},   {"safetensors", Naming::safetensors}};
    for (const auto& row : kNames) {
        if (row.first == flag) return row.second;
    }
    fail(
        "--to {}: expected torchvision, timm, moco (the reference code), detectron2, mmpretrain, safetensors "
        "onnx or run",
        flag);
}

Converted convert(const std::filesystem::path& in, const std::filesystem::path& out, const ConvertOptions& options) {
    const Container container = container_of(out);
    check_container(container, options.naming, out);
    BareFileHints hints;
    hints.encoder = options.encoder;
    const NetworkFile from = open_network(in, hints);
    Converted result = {from.layout, from.config.arch, 0, {}};
    std::vector<TensorItem> items = exported(from, options, result);
    result.tensors = static_cast<int64_t>(items.size());
    switch (container) {
        case Container::torch:
            write_torch(out, document_of(std::move(items), from, options));
            break;
        case Container::npz:
            write_npz(out, items);
            break;
        case Container::pickle:
            write_pickled_arrays(out, document_of(std::move(items), from, options));
            break;
        case Container::safetensors:
            write_safetensors(out, {{"format", "pt"}}, items);
            break;
    }
    return result;
}

}  // namespace moco
