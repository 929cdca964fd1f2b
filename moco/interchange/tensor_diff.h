// Two files of weights, tensor by tensor.
#pragma once

#include <string>
#include <vector>

#include "nn/tensor_file.h"

namespace moco {

/// A tensor of one name in either file or both.
struct TensorDiff {
    std::string name;
    bool in_a = false, in_b = false;
    std::vector<int64_t> shape_a, shape_b;
    // Where both have it in one shape:
    bool compared = false;
    double largest = 0;  // absolute difference; not a number where one of the two has such elements
    double cosine = 1;   // of the two as vectors; 1 where both are zero
};

/// In a's order, then what b alone has. Whole numbers are compared as numbers.
std::vector<TensorDiff> diff_of(const TensorFile& a, const TensorFile& b);

}  // namespace moco
