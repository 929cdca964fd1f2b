// The names of the convolution algorithms.
#include "core/conv_algorithm.h"

#include "core/error.h"

namespace moco {

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
    for (const ConvAlgorithm algorithm : {ConvAlgorithm::auto_select, ConvAlgorithm::direct, ConvAlgorithm::winograd}) {
        if (name == name_of(algorithm)) return algorithm;
    }
    fail("--conv {}: expected one of auto, direct, winograd", name);
}

}  // namespace moco
