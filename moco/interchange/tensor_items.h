// Tensors of one file as items of another.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "nn/tensor_file.h"

namespace moco {

/// "f32", "f16", "bf16"; Error for others, naming --dtype.
FileDType floating_dtype(const std::string& flag);

/// `file`'s tensor under another name; elements are read when asked for. Floating-point tensors become `floats`, where
/// that is given, rounded to nearest; others stay.
TensorItem item_of(const std::shared_ptr<const TensorFile>& file, const TensorEntry& entry, std::string name,
                   std::optional<FileDType> floats);

}  // namespace moco
