#include "nn/stem.h"

#include <fmt/ranges.h>

#include "core/error.h"

namespace moco {
namespace {

struct Row {
    Stem stem;
    std::string_view name;
    StemShape shape;
};
constexpr Row kStems[] = {
    {Stem::imagenet, "imagenet", {7, 2, StemPool::max_3x3_stride_2}},
    {Stem::cifar, "cifar", {3, 1, StemPool::none}},
    {Stem::cifar_s2, "cifar-s2", {3, 2, StemPool::none}},
};

const Row& row_of(Stem stem) {
    return kStems[static_cast<size_t>(stem)];
}

}  // namespace

StemShape shape_of(Stem stem) {
    return row_of(stem).shape;
}

std::string_view name_of(Stem stem) {
    return row_of(stem).name;
}

Stem stem_from_name(std::string_view name) {
    for (const Row& row : kStems) {
        if (row.name == name) return row.stem;
    }
    fail("there is no stem '{}'; expected one of {}", name, fmt::join(stem_names(), ", "));
}

const std::vector<std::string_view>& stem_names() {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> all;
        for (const Row& row : kStems) all.push_back(row.name);
        return all;
    }();
    return names;
}

}  // namespace moco
