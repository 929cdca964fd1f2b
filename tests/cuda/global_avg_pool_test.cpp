#include <cmath>

#include "tests/cuda/placed.h"
#include "tests/reference/pooling.h"

namespace moco::cuda::testing {
namespace {

class CudaGlobalAvgPool : public OnDevice {};

/// Channels around a block's 32 elements or packs, pixels around its 8 rows of threads.
template <typename Body>
void for_each_pool(const Body& body) {
    for (const DType dtype : {DType::f32, DType::bf16})
        for (const int64_t C : {1, 8, 31, 33, 128, 264})
            for (const int64_t HW : {1, 7, 8, 9, 49})
                for (const int64_t shift : {0, 1}) {
                    SCOPED_TRACE(fmt::format("C {} HW {} {}, {} beside an aligned address", C, HW, dtype, shift));
                    body(dtype, HW, C, shift);
                }
}

TEST_F(CudaGlobalAvgPool, Forward) {
    for_each_pool([](DType dtype, int64_t HW, int64_t C, int64_t shift) {
        const std::vector<float> x = kept(dtype, formula_values(3 * HW * C, 1));
        Placed x_device(dtype, x, shift), y(3 * C, shift);
        device().global_avg_pool_forward(dtype, x_device.data(), y.floats(), 3, HW, C);
        EXPECT_LE(error_over_rms(y.host(), reference::global_avg_pool(doubles(x), 3, HW, C)), sum_of(HW));
    });
}

TEST_F(CudaGlobalAvgPool, Backward) {
    for_each_pool([](DType dtype, int64_t HW, int64_t C, int64_t shift) {
        const std::vector<float> dy = formula_values(3 * C, 2);
        Placed dy_device(dy, shift), dx(dtype, 3 * HW * C, shift);
        device().global_avg_pool_backward(dtype, dy_device.floats(), dx.data(), 3, HW, C);
        EXPECT_LE(error_over_rms(dx.host(), reference::global_avg_pool_backward(doubles(dy), 3, HW, C)),
                  stored_as(dtype, kElementwise));
    });
}

TEST_F(CudaGlobalAvgPool, ANanStaysInItsSampleAndChannel) {
    const int64_t N = 2, HW = 10, C = 36;
    std::vector<float> x = formula_values(N * HW * C, 1);
    x[static_cast<size_t>((1 * HW + 9) * C + 33)] = NAN;
    Placed x_device(x), y(N * C);
    device().global_avg_pool_forward(DType::f32, x_device.data(), y.floats(), N, HW, C);
    const std::vector<float> got = y.host();
    for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(std::isnan(got[i]), i == 36 + 33) << i;
}

}  // namespace
}  // namespace moco::cuda::testing
