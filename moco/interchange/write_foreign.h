// Files for other programs, put in place atomically. Elements are asked for one tensor at a time. Each throws Error
// naming the file when it cannot be written, or when elements do not fill their shape.
#pragma once

#include <filesystem>
#include <vector>

#include "moco/interchange/python_value.h"

namespace moco {

/// As torch.save writes it since PyTorch 1.6; torch.load(weights_only=True) reads it.
void write_torch(const std::filesystem::path& path, const PythonValue& root);

/// A plain pickle whose tensors are NumPy arrays. NumPy has no bfloat16: Error.
void write_pickled_arrays(const std::filesystem::path& path, const PythonValue& root);

/// NumPy's savez: an array each. NumPy has no bfloat16: Error.
void write_npz(const std::filesystem::path& path, const std::vector<TensorItem>& items);

}  // namespace moco
