// MNIST's idx files, gzipped or not: Fashion-MNIST and everything else that comes in them.
#pragma once

#include <string>

#include "moco/data/dataset.h"

namespace moco {

/// Where Debian's package dataset-fashion-mnist puts its files.
inline constexpr const char* kFashionMnistFolder = "/usr/share/datasets/fashion-mnist";

/// The four files train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz], t10k-... in `folder`. Throws Error when
/// one is missing, truncated or not what it should be.
Splits open_fashion_mnist(const std::string& folder);
Splits open_mnist(const std::string& folder);

}  // namespace moco
