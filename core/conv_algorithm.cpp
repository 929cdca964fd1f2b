// The names of the convolution algorithms.
#include "core/conv_algorithm.h"

#include <fmt/ranges.h>

#include "core/error.h"

namespace moco {
namespace {

constexpr ConvAlgorithm kAlgorithms[] = {ConvAlgorithm::auto_select, ConvAlgorithm::direct, ConvAlgorithm::winograd};

}  // namespace

std::string_view name_of(ConvAlgorithm algorithm) {
    switch (algorithm) {
        case ConvAlgorithm::auto_select:
            return "auto";
        case ConvAlgorithm::direct:
            return "direct";
        case ConvAlgorithm::winograd:
            return "winograd";
    }
    return "";
}

ConvAlgorithm conv_algorithm_from_name(std::string_view name) {
    for (const ConvAlgorithm algorithm : kAlgorithms) {
        if (name == name_of(algorithm)) return algorithm;
    }
    fail("convolution algorithm '{}' is not known; expected one of {}", name, fmt::join(conv_algorithm_names(), ", "));
}

std::vector<std::string_view> conv_algorithm_names() {
    std::vector<std::string_view> names;
    for (const ConvAlgorithm algorithm : kAlgorithms) names.push_back(name_of(algorithm));
    return names;
}

}  // namespace moco
