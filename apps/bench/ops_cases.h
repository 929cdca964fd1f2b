// The operations that `moco bench ops` times, each with its definition in double.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/backend.h"

namespace moco::apps {

/// One operation on one shape.
struct OpCase {
    std::string name, shape;
    double bytes = 0;               // that it has to read and write, both passes counted where it needs two
    double operations = 0;          // floating-point, for products; 0 where only bytes count
    std::function<void()> run;      // may be called any number of times
    std::function<double()> error;  // runs once and compares some results with the definition: difference over RMS
};

struct OpSizes {
    int64_t N = 128, side = 32, C = 64;  // activations: N x side x side x C
    int64_t dim = 128, K = 4096;         // features and queue
    int64_t parameters = 11'000'000;     // of an encoder
};

/// Batch norm, ReLU, sums, pools.
std::vector<OpCase> activation_ops(const OpSizes& sizes, Backend& backend);
/// Products, normalisation, losses.
std::vector<OpCase> feature_ops(const OpSizes& sizes, Backend& backend);
/// SGD, momentum update, enqueue, rows, search.
std::vector<OpCase> update_ops(const OpSizes& sizes, Backend& backend);

}  // namespace moco::apps
