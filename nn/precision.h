// The precisions a network can compute in, and their names as flags and files write them.
#pragma once

#include <string_view>

namespace moco {

/// f32: everything. bf16: the activations of the trunk and their gradients; parameters, statistics, pooled features,
/// head and loss stay f32.
enum class Precision { f32, bf16 };

/// "f32", "bf16".
std::string_view name_of(Precision precision);
/// Throws Error, listing them, for another name.
Precision precision_from_name(std::string_view name);

}  // namespace moco
