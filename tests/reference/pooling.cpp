#include "tests/reference/pooling.h"

#include <functional>

namespace moco::testing::reference {
namespace {

/// Calls visit(o, i) for every output o with the index i of its window's first maximum.
void for_each_maximum(const PoolDims& d, const Values& x, const std::function<void(size_t, size_t)>& visit) {
    size_t o = 0;
    for (int64_t n = 0; n < d.N; ++n)
        for (int64_t oh = 0; oh < d.OH(); ++oh)
            for (int64_t ow = 0; ow < d.OW(); ++ow)
                for (int64_t c = 0; c < d.C; ++c) {
                    int64_t best = -1;
                    for (int64_t h = oh * d.stride - d.pad; h < oh * d.stride - d.pad + d.kernel; ++h)
                        for (int64_t w = ow * d.stride - d.pad; w < ow * d.stride - d.pad + d.kernel; ++w) {
                            if (h < 0 || h >= d.H || w < 0 || w >= d.W) continue;
                            const int64_t i = ((n * d.H + h) * d.W + w) * d.C + c;
                            if (best < 0 || x[static_cast<size_t>(i)] > x[static_cast<size_t>(best)]) best = i;
                        }
                    visit(o++, static_cast<size_t>(best));
                }
}

}  // namespace

Values max_pool(const PoolDims& d, const Values& x) {
    Values y = zeros(d.y_count());
    for_each_maximum(d, x, [&](size_t o, size_t i) { y[o] = x[i]; });
    return y;
}

Values max_pool_backward(const PoolDims& d, const Values& x, const Values& dy) {
    Values dx = zeros(d.x_count());
    for_each_maximum(d, x, [&](size_t o, size_t i) { dx[i] += dy[o]; });
    return dx;
}

Values global_avg_pool(const Values& x, int64_t N, int64_t HW, int64_t C) {
    Values y = zeros(N * C);
    for (int64_t n = 0; n < N; ++n)
        for (int64_t p = 0; p < HW; ++p)
            for (int64_t c = 0; c < C; ++c)
                y[static_cast<size_t>(n * C + c)] +=
                    x[static_cast<size_t>((n * HW + p) * C + c)] / static_cast<double>(HW);
    return y;
}

Values global_avg_pool_backward(const Values& dy, int64_t N, int64_t HW, int64_t C) {
    Values dx = zeros(N * HW * C);
    for (int64_t n = 0; n < N; ++n)
        for (int64_t p = 0; p < HW; ++p)
            for (int64_t c = 0; c < C; ++c)
                dx[static_cast<size_t>((n * HW + p) * C + c)] =
                    dy[static_cast<size_t>(n * C + c)] / static_cast<double>(HW);
    return dx;
}

}  // namespace moco::testing::reference
