// The names of the precisions.
#include "nn/precision.h"

#include <fmt/ranges.h>

#include "core/error.h"

namespace moco {
namespace {

constexpr Precision kPrecisions[] = {Precision::f32, Precision::tf32, Precision::bf16};

}  // namespace

std::string_view name_of(Precision precision) {
    switch (precision) {
        case Precision::f32:
            return "f32";
        case Precision::tf32:
            return "tf32";
        case Precision::bf16:
            return "bf16";
    }
    return "";
}

Precision precision_from_name(std::string_view name) {
    for (const Precision precision : kPrecisions) {
        if (name == name_of(precision)) return precision;
    }
    fail("precision '{}' is not known; expected one of {}", name, fmt::join(precision_names(), ", "));
}

std::vector<std::string_view> precision_names() {
    std::vector<std::string_view> names;
    for (const Precision precision : kPrecisions) names.push_back(name_of(precision));
    return names;
}

}  // namespace moco
