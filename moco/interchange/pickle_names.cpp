#include "moco/interchange/pickle_names.h"

#include <optional>

#include "core/error.h"

namespace moco {
namespace {

constexpr int kDeepest = 24;
constexpr size_t kMostVisits = 1'000'000, kLongestKey = 1024;

bool is_tensor(const PickleValue& value) {
    return value.kind == PickleKind::tensor || value.kind == PickleKind::array;
}

/// A value as text; nothing for what is neither text nor number.
std::optional<std::string> text_of(const PickleValue& value) {
    switch (value.kind) {
        case PickleKind::text:
            return value.text.size() <= kLongestKey ? std::optional<std::string>(value.text) : std::nullopt;
        case PickleKind::integer:
            return fmt::format("{}", value.number);
        case PickleKind::boolean:
            return value.number != 0 ? "true" : "false";
        case PickleKind::real:
            return fmt::format("{}", value.real);
        default:
            return std::nullopt;
    }
}

class Walk {
  public:
    Walk(const PickleGraph& graph, const std::string& path) : graph_(graph), path_(path) {}

    void visit(PickleId id, const std::string& name, int depth) {
        ++visits_;
        check(visits_ <= kMostVisits && depth <= kDeepest,
              "{}: its dictionaries are nested {} deep with {} values so far, which no file of weights is", path_,
              depth, visits_);
        const PickleValue& value = graph_[id];
        if (is_tensor(value)) {
            found.tensors.push_back({name.empty() ? "tensor" : name, id});
        } else if (value.kind == PickleKind::dict) {
            visit_pairs(value, name, depth);
        } else if (value.kind == PickleKind::list || value.kind == PickleKind::tuple) {
            for (size_t i = 0; i < value.items.size(); ++i)
                visit(value.items[i], below(name, fmt::format("{}", i)), depth + 1);
        } else if (depth == 1) {
            if (const std::optional<std::string> text = text_of(value)) found.metadata[name] = *text;
        }
    }

    PickleContents found;

  private:
    static std::string below(const std::string& name, const std::string& key) {
        return name.empty() ? key : name + "." + key;
    }
    void visit_pairs(const PickleValue& dict, const std::string& name, int depth) {
        for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
            const std::string key = text_of(graph_[dict.items[i]]).value_or(fmt::format("#{}", i / 2));
            visit(dict.items[i + 1], below(name, key), depth + 1);
        }
    }

    const PickleGraph& graph_;
    const std::string& path_;
    size_t visits_ = 0;
};

}  // namespace

PickleContents contents_of(const PickleGraph& graph, const std::string& path) {
    Walk walk(graph, path);
    walk.visit(graph.root, "", 0);
    return std::move(walk.found);
}

}  // namespace moco
