#include <cmath>

#include "tests/cuda/support.h"
#include "tests/reference/elementwise.h"

namespace moco::cuda::testing {
namespace {

class CudaRelu : public OnDevice {};

// Around the warp, the block and the vector; a bit more than one block.
const std::vector<int64_t> kCounts = {1, 3, 31, 32, 33, 255, 256, 257, 1000, 4099};

TEST_F(CudaRelu, Forward) {
    for (const int64_t count : kCounts) {
        SCOPED_TRACE(count);
        const std::vector<float> x = formula_values(count, 1);
        const DeviceArray<float> x_device(x);
        DeviceArray<float> y(count);
        device().relu_forward(DType::f32, x_device.data(), y.data(), count);
        EXPECT_EQ(error_over_rms(y.host(), reference::relu(doubles(x))), kExact);
    }
}

TEST_F(CudaRelu, ForwardInBf16) {
    for (const int64_t count : kCounts) {
        SCOPED_TRACE(count);
        const std::vector<uint16_t> x = to_bf16(formula_values(count, 1));
        const DeviceArray<uint16_t> x_device(x);
        DeviceArray<uint16_t> y(count);
        device().relu_forward(DType::bf16, x_device.data(), y.data(), count);
        EXPECT_EQ(error_over_rms(from_bf16(y.host()), reference::relu(doubles(from_bf16(x)))), kExact);
    }
}

TEST_F(CudaRelu, ForwardKeepsANan) {
    const DeviceArray<float> x(std::vector<float>{-1, NAN, 1});
    DeviceArray<float> y(3);
    device().relu_forward(DType::f32, x.data(), y.data(), 3);
    const std::vector<float> got = y.host();
    EXPECT_EQ(got[0], 0);
    EXPECT_TRUE(std::isnan(got[1]));
    EXPECT_EQ(got[2], 1);
}

}  // namespace
}  // namespace moco::cuda::testing
