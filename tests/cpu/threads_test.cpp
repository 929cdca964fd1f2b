// Every kernel that cuts its work gives the same bits on 1, 2 and 4 threads.
#include <gtest/gtest.h>

#include <functional>

#include "core/parallel.h"
#include "tests/cpu/on_each_target.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

using Floats = std::vector<float>;

/// Runs `kernel`, which fills the vectors it is given, with 1, 2 and 4 threads, and compares every bit.
void expect_same_bits(const std::vector<int64_t>& sizes, const std::function<void(std::vector<Floats>&)>& kernel) {
    std::vector<Floats> expected;
    for (const int count : {1, 2, 4}) {
        set_threads(count);
        std::vector<Floats> results;
        for (const int64_t size : sizes) results.push_back(formula_values(size, 99));
        kernel(results);
        if (count == 1) expected = results;
        EXPECT_EQ(results, expected) << count << " threads";
    }
    set_threads(0);
}

TEST(CpuThreads, BatchNorm) {
    for (const BatchNormDims& d :
         {BatchNormDims{32, 64, 48, 4, Activation::relu}, BatchNormDims{40, 49, 64, 1, Activation::relu},
          BatchNormDims{34, 100, 33, 17, Activation::relu}}) {
        const Floats x = formula_values(d.count(), 1), residual = formula_values(d.count(), 2),
                     gamma = formula_values(d.C, 3), dy = formula_values(d.count(), 4);
        expect_same_bits(
            {d.count(), d.S * d.C, d.S * d.C, d.C, d.C, d.count(), d.C, d.C, d.count()}, [&](std::vector<Floats>& r) {
                std::vector<uint8_t> signs(cpu().batch_norm_sign_bytes(d));
                uint8_t* kept = signs.empty() ? nullptr : signs.data();
                cpu().batch_norm_forward(d, {}, x.data(), gamma.data(), gamma.data(), residual.data(), r[3].data(),
                                         r[4].data(), r[1].data(), r[2].data(), r[0].data(), kept);
                cpu().batch_norm_backward(d, x.data(), r[0].data(), kept, gamma.data(), r[1].data(), r[2].data(),
                                          dy.data(), r[5].data(), r[6].data(), r[7].data(), r[8].data());
            });
    }
}

TEST(CpuThreads, Losses) {
    const InfoNceDims d{40, 32, 5000, 0.07f};
    const Floats q = formula_values(d.N * d.C, 1), k = formula_values(d.N * d.C, 2),
                 queue = formula_values(d.K * d.C, 3), logits = formula_values(d.N * d.K, 4);
    const float dloss = 0.3f;
    const std::vector<int64_t> targets(static_cast<size_t>(d.N), 7);
    expect_same_bits({1, d.N, d.N, 1, d.N * d.C, d.N * d.C, d.N * (d.C + 1)}, [&](std::vector<Floats>& r) {
        cpu().info_nce_forward(d, q.data(), k.data(), queue.data(), r[0].data(), r[1].data(), r[2].data(), r[3].data(),
                               r[6].data());
        cpu().info_nce_backward(d, q.data(), k.data(), queue.data(), r[1].data(), r[2].data(), r[6].data(), &dloss,
                                r[4].data(), r[5].data());
    });
    expect_same_bits({1, d.N, 1, d.N * d.K}, [&](std::vector<Floats>& r) {
        cpu().cross_entropy_forward({d.N, d.K}, logits.data(), targets.data(), r[0].data(), r[1].data(), r[2].data());
        cpu().cross_entropy_backward({d.N, d.K}, logits.data(), targets.data(), r[1].data(), &dloss, r[3].data());
    });
}

TEST(CpuThreads, RowsAndPools) {
    const int64_t rows = 300, columns = 700;
    const Floats a = formula_values(rows * columns, 1), b = formula_values(rows * columns, 2);
    expect_same_bits({columns, rows * columns, rows, rows * columns, rows}, [&](std::vector<Floats>& r) {
        cpu().sum_rows(a.data(), r[0].data(), rows, columns);
        cpu().l2_normalize_forward(a.data(), r[1].data(), r[2].data(), rows, columns);
        cpu().l2_normalize_backward(r[1].data(), r[2].data(), b.data(), r[3].data(), rows, columns);
        cpu().row_dot_forward(a.data(), b.data(), r[4].data(), rows, columns);
    });
    const PoolDims d{8, 14, 15, 120, 3, 2, 1};
    expect_same_bits({d.y_count(), d.x_count(), 8 * 120}, [&](std::vector<Floats>& r) {
        std::vector<uint8_t> argmax(static_cast<size_t>(d.y_count()));
        cpu().max_pool_forward(d, a.data(), r[0].data(), argmax.data());
        cpu().max_pool_backward(d, b.data(), argmax.data(), r[1].data());
        cpu().global_avg_pool_forward(DType::f32, a.data(), r[2].data(), 8, 14 * 15, 120);
    });
}

TEST(CpuThreads, Arenas) {
    const int64_t count = 200'003;
    const float lr = 0.1f, m = 0.99f;
    const Floats dw = formula_values(count, 1);
    expect_same_bits({count, count}, [&](std::vector<Floats>& r) {
        cpu().sgd_update({}, &lr, r[0].data(), dw.data(), r[1].data(), count);
        cpu().momentum_update(&m, r[1].data(), r[0].data(), count);
        cpu().accumulate(DType::f32, dw.data(), r[0].data(), count);
    });
}

}  // namespace
}  // namespace moco::testing
