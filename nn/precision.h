// The precisions a network can compute in, and their names as flags and files write them.
#pragma once

#include <string_view>
#include <vector>

#include "core/dims.h"

namespace moco {

/// "f32", "tf32", "bf16".
std::string_view name_of(Precision precision);
/// Throws Error, listing them, for another name.
Precision precision_from_name(std::string_view name);
std::vector<std::string_view> precision_names();

}  // namespace moco
