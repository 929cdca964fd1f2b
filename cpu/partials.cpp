#include "cpu/partials.h"

#include <algorithm>

#include "core/parallel.h"

namespace moco::cpu {

void add_partials(const float* partials, int64_t count, int64_t size, float* sum) {
    parallel_for(size, 4096, [=](int64_t begin, int64_t end) {
        if (sum != partials) std::copy(partials + begin, partials + end, sum + begin);
        for (int64_t k = 1; k < count; ++k)
            for (int64_t i = begin; i < end; ++i) sum[i] += partials[k * size + i];
    });
}

}  // namespace moco::cpu
