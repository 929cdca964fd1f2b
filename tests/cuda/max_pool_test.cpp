#include <cmath>

#include "tests/cuda/placed.h"
#include "tests/reference/pooling.h"

namespace moco::cuda::testing {
namespace {

class CudaMaxPool : public OnDevice {};

/// Overlapping windows, windows side by side, stride 1, gaps between windows, a large pad; H != W.
std::vector<PoolDims> windows(int64_t C, DType dtype) {
    return {{2, 7, 5, C, 3, 2, 1, dtype},
            {1, 6, 8, C, 2, 2, 0, dtype},
            {3, 5, 4, C, 3, 1, 1, dtype},
            {1, 9, 4, C, 2, 3, 0, dtype},
            {1, 9, 4, C, 4, 3, 2, dtype}};
}

template <typename Body>
void for_each_pool(const Body& body) {
    for (const DType dtype : {DType::f32, DType::bf16})
        for (const int64_t C : {1, 4, 8, 31, 33, 64})
            for (const int64_t shift : {0, 1})
                for (const PoolDims& d : windows(C, dtype)) {
                    SCOPED_TRACE(fmt::format("C {} {}, kernel {} stride {} pad {}, {} beside an aligned address", C,
                                             dtype, d.kernel, d.stride, d.pad, shift));
                    body(d, shift);
                }
}

/// argmax: bytes, as Placed holds them between its guards.
using Places = DeviceArray<uint8_t>;

TEST_F(CudaMaxPool, Forward) {
    for_each_pool([](const PoolDims& d, int64_t shift) {
        const std::vector<float> x = kept(d.dtype, formula_values(d.x_count(), 1));
        Placed x_device(d.dtype, x, shift), y(d.dtype, d.y_count(), shift);
        Places argmax(d.y_count());
        device().max_pool_forward(d, x_device.data(), y.data(), argmax.data());
        EXPECT_EQ(error_over_rms(y.host(), reference::max_pool(d, doubles(x))), kExact);
    });
}

TEST_F(CudaMaxPool, BackwardFindsTheMaxima) {
    for_each_pool([](const PoolDims& d, int64_t shift) {
        const std::vector<float> x = kept(d.dtype, formula_values(d.x_count(), 1));
        const std::vector<float> dy = kept(d.dtype, formula_values(d.y_count(), 2));
        Placed x_device(d.dtype, x, shift), y(d.dtype, d.y_count(), shift), dy_device(d.dtype, dy, shift);
        Placed dx(d.dtype, d.x_count(), shift);
        Places argmax(d.y_count());
        device().max_pool_forward(d, x_device.data(), y.data(), argmax.data());
        device().max_pool_backward(d, dy_device.data(), argmax.data(), dx.data());
        EXPECT_LE(error_over_rms(dx.host(), reference::max_pool_backward(d, doubles(x), doubles(dy))),
                  stored_as(d.dtype, sum_of(d.kernel * d.kernel)));
    });
}

void expect_agreement(const PoolDims& d) {
    const std::vector<float> x = formula_values(d.x_count(), 1), dy = formula_values(d.y_count(), 2);
    Placed x_device(x), y(d.y_count()), dy_device(dy), dx(d.x_count());
    Places argmax(d.y_count());
    device().max_pool_forward(d, x_device.data(), y.data(), argmax.data());
    device().max_pool_backward(d, dy_device.data(), argmax.data(), dx.data());
    EXPECT_EQ(error_over_rms(y.host(), reference::max_pool(d, doubles(x))), kExact);
    EXPECT_LE(error_over_rms(dx.host(), reference::max_pool_backward(d, doubles(x), doubles(dy))), sum_of(9));
}

TEST_F(CudaMaxPool, ARowOfSeveralBlocks) {
    expect_agreement({1, 3, 37, 68, 3, 2, 1});  // 19 * 17 packs in a row of y, 37 * 17 in one of x
}

TEST_F(CudaMaxPool, MoreRowsThanTheGridHas) {
    expect_agreement({103, 10, 2, 4, 3, 1, 1});  // 1030 rows of x and of y
}

TEST_F(CudaMaxPool, TiesGoToTheFirstElementOfTheWindow) {
    for (const int64_t C : {16, 17}) {
        const PoolDims d{1, 4, 4, C, 3, 2, 1};
        Placed x(std::vector<float>(static_cast<size_t>(d.x_count()), 2.0f)), y(d.y_count());
        Places argmax(d.y_count());
        device().max_pool_forward(d, x.data(), y.data(), argmax.data());
        // The first element within the image, for the windows at the corner, the upper edge, the left edge, inside.
        const std::vector<uint8_t> expected = {4, 3, 1, 0}, got = argmax.host();
        for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], expected[i / static_cast<size_t>(C)]);
        EXPECT_EQ(y.host(), std::vector<float>(got.size(), 2.0f));
    }
}

TEST_F(CudaMaxPool, MinusInfinityAndNanComeThrough) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        const PoolDims d{1, 2, 4, 1, 2, 2, 0, dtype};
        Placed x(dtype, {-INFINITY, -INFINITY, 1, 2, -INFINITY, -INFINITY, NAN, 3}), y(dtype, 2);
        Places argmax(2);
        device().max_pool_forward(d, x.data(), y.data(), argmax.data());
        EXPECT_EQ(y.host()[0], -INFINITY);
        EXPECT_TRUE(std::isnan(y.host()[1]));
        EXPECT_EQ(argmax.host(), (std::vector<uint8_t>{0, 2}));
    }
}

}  // namespace
}  // namespace moco::cuda::testing
