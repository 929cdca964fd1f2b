#include "moco/random_rows.h"

#include <vector>

#include "core/autograd.h"
#include "core/parallel.h"
#include "ops/l2_normalize.h"

namespace moco {

Tensor random_unit_rows(int64_t rows, int64_t C, uint64_t seed, Purpose purpose, Backend& backend) {
    std::vector<float> values(static_cast<size_t>(rows * C));
    parallel_for(rows, 256, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            Random random(seed, purpose, 0, static_cast<uint32_t>(row));
            for (int64_t c = 0; c < C; ++c) values[static_cast<size_t>(row * C + c)] = random.normal();
        }
    });
    const NoGrad dictionaries_take_no_gradient;
    return l2_normalize(Tensor::from_host(values, {rows, C}, backend));
}

}  // namespace moco
