// The names of the convolution algorithms (core/dims.h), as flags and files write them.
#pragma once

#include <string_view>
#include <vector>

#include "core/dims.h"

namespace moco {

/// "auto", "direct", "winograd".
std::string_view name_of(ConvAlgorithm algorithm);
/// Throws Error, listing them, for another name.
ConvAlgorithm conv_algorithm_from_name(std::string_view name);
std::vector<std::string_view> conv_algorithm_names();

}  // namespace moco
