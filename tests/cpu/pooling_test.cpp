// Pooling on the CPU against the reference, around vector lengths.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/cpu/on_each_target.h"
#include "tests/reference/pooling.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

using reference::Values;

Values wide(const std::vector<float>& values) {
    return Values(values.begin(), values.end());
}

TEST(CpuMaxPool, AgreesWithTheReference) {
    on_each_target([] {
        for (const int64_t C : kOddSizes)
            for (const PoolDims& d : {PoolDims{2, 7, 5, C, 3, 2, 1}, PoolDims{1, 6, 8, C, 2, 2, 0},
                                      PoolDims{3, 5, 5, C, 3, 1, 1}, PoolDims{1, 9, 4, C, 4, 3, 2}}) {
                SCOPED_TRACE(fmt::format("C {} kernel {} stride {} pad {}", C, d.kernel, d.stride, d.pad));
                const auto x = formula_values(d.x_count(), 1), dy = formula_values(d.y_count(), 2);
                std::vector<float> y(dy.size()), dx(x.size());
                std::vector<uint8_t> argmax(dy.size());
                cpu().max_pool_forward(d, x.data(), y.data(), argmax.data());
                cpu().max_pool_backward(d, dy.data(), argmax.data(), dx.data());
                EXPECT_EQ(error_over_rms(y, reference::max_pool(d, wide(x))), 0);
                EXPECT_LT(error_over_rms(dx, reference::max_pool_backward(d, wide(x), wide(dy))), 1e-6);
            }
    });
}

TEST(CpuMaxPool, TiesGoToTheFirstElementOfTheWindow) {
    on_each_target([] {
        const PoolDims d{1, 4, 4, 17, 3, 2, 1};
        const std::vector<float> x(static_cast<size_t>(d.x_count()), 2.0f);
        std::vector<float> y(static_cast<size_t>(d.y_count()));
        std::vector<uint8_t> argmax(y.size());
        cpu().max_pool_forward(d, x.data(), y.data(), argmax.data());
        // The first element within the image, for the windows at the corner, the upper edge, the left edge, inside.
        const std::vector<uint8_t> expected = {4, 3, 1, 0};
        for (size_t i = 0; i < y.size(); ++i) {
            EXPECT_EQ(y[i], 2.0f);
            EXPECT_EQ(argmax[i], expected[i / 17]);
        }
    });
}

TEST(CpuMaxPool, MinusInfinityAndNanComeThrough) {
    on_each_target([] {
        const PoolDims d{1, 2, 4, 1, 2, 2, 0};
        const std::vector<float> x = {-INFINITY, -INFINITY, 1, 2, -INFINITY, -INFINITY, NAN, 3};
        std::vector<float> y(2);
        std::vector<uint8_t> argmax(2);
        cpu().max_pool_forward(d, x.data(), y.data(), argmax.data());
        EXPECT_EQ(y[0], -INFINITY);
        EXPECT_EQ(argmax[0], 0);
        EXPECT_TRUE(std::isnan(y[1]));
        EXPECT_EQ(argmax[1], 2);
    });
}

TEST(CpuGlobalAvgPool, AgreesWithTheReference) {
    on_each_target([] {
        for (const int64_t C : kOddSizes)
            for (const int64_t HW : {1, 4, 49, 50}) {
                SCOPED_TRACE(fmt::format("C {} HW {}", C, HW));
                const auto x = formula_values(3 * HW * C, 1), dy = formula_values(3 * C, 2);
                std::vector<float> y(dy.size()), dx(x.size());
                cpu().global_avg_pool_forward(DType::f32, x.data(), y.data(), 3, HW, C);
                cpu().global_avg_pool_backward(DType::f32, dy.data(), dx.data(), 3, HW, C);
                EXPECT_LT(error_over_rms(y, reference::global_avg_pool(wide(x), 3, HW, C)), 2e-6);
                EXPECT_LT(error_over_rms(dx, reference::global_avg_pool_backward(wide(dy), 3, HW, C)), 3e-7);
            }
    });
}

}  // namespace
}  // namespace moco::testing
