// Whatever file of tensors it is: told apart by its first bytes, not by its name.
#pragma once

#include <filesystem>
#include <memory>

#include "nn/tensor_file.h"

namespace moco {

/// safetensors, .pth of both containers, .npz, .npy, pickles of NumPy arrays. Throws Error naming the file, as their
/// readers do.
std::unique_ptr<TensorFile> open_tensors(const std::filesystem::path& path);

}  // namespace moco
