#include "tests/cuda/libraries.h"
#include "tests/reference/matrices.h"

namespace moco::cuda::testing {
namespace {

class CublasMatmul : public OnDevice {
  protected:
    void TearDown() override {
        if (!IsSkipped()) backend().set_precision(Precision::f32);
    }
};

std::vector<float> matmul(const MatmulDims& d, const std::vector<float>& a, const std::vector<float>& b) {
    const Array<float> a_device(a), b_device(b);
    Array<float> out(nan_floats(d.M * d.N));
    backend().matmul(d, a_device.data(), b_device.data(), out.data());
    return out.host();
}

// M, N, K: vectors, one element, odd and even, around 16 and 32, tall and wide.
const std::vector<MatmulDims> kSizes = {{1, 1, 1},    {1, 7, 5},    {7, 1, 5},    {7, 5, 1},     {16, 16, 16},
                                        {31, 33, 32}, {33, 31, 17}, {64, 48, 65}, {2, 130, 128}, {130, 3, 64}};

TEST_F(CublasMatmul, AgreesWithTheReference) {
    for (MatmulDims d : kSizes) {
        const std::vector<float> a = formula_values(d.M * d.K, 1), b = formula_values(d.K * d.N, 2);
        for (const Transpose transpose_a : {Transpose::no, Transpose::yes}) {
            for (const Transpose transpose_b : {Transpose::no, Transpose::yes}) {
                d.a = transpose_a;
                d.b = transpose_b;
                SCOPED_TRACE(fmt::format("M {} N {} K {}, a{}, b{}", d.M, d.N, d.K,
                                         transpose_a == Transpose::yes ? " transposed" : "",
                                         transpose_b == Transpose::yes ? " transposed" : ""));
                EXPECT_LE(error_over_rms(matmul(d, a, b), reference::matmul(d, doubles(a), doubles(b))), sum_of(d.K));
            }
        }
    }
}

TEST_F(CublasMatmul, GivesTheSameBitsAgain) {
    const MatmulDims d = {65, 67, 130};
    const std::vector<float> a = formula_values(d.M * d.K, 1), b = formula_values(d.K * d.N, 2);
    EXPECT_EQ(matmul(d, a, b), matmul(d, a, b));
}

// 1 + 2^-12 is a number of f32, and one in TF32.
const std::vector<float> kFine = {1.0f + 0x1p-12f};

TEST_F(CublasMatmul, KeepsAllDigitsInF32) {
    EXPECT_EQ(matmul({1, 1, 1}, kFine, {1.0f}), kFine);
}

TEST_F(CublasMatmul, MayRoundFactorsInTf32) {
    if (backend().device().major < 8) GTEST_SKIP() << "TF32 needs sm_80, this is " << backend().device().architecture();
    backend().set_precision(Precision::tf32);
    const MatmulDims d = {32, 48, 64};
    const std::vector<float> a = formula_values(d.M * d.K, 1), b = formula_values(d.K * d.N, 2);
    EXPECT_LE(error_over_rms(matmul(d, a, b), reference::matmul(d, doubles(a), doubles(b))), tf32_sum_of(d.K));
    EXPECT_NEAR(matmul({1, 1, 1}, kFine, {1.0f})[0], 1.0f, 0x1p-11f);
    backend().set_precision(Precision::f32);
    EXPECT_EQ(matmul({1, 1, 1}, kFine, {1.0f}), kFine);
}

TEST_F(CublasMatmul, NamesExtentsThatAreTooLarge) {
    EXPECT_EQ(message_of([] {
                  backend().matmul({int64_t{1} << 31, 2, 3}, nullptr, nullptr, nullptr);
              }),
              "matmul: cuBLAS takes no extent of 2^31 or more (a 2147483648x3 M,K; b 3x2 K,N; out 2147483648x2 M,N)");
}

#if defined(MOCO_CUDA_EMULATED)
TEST_F(CublasMatmul, NamesTheCallTheShapesAndTheDeviceWhenCublasFails) {
    const Array<float> a(3 * 5), b(5 * 7);
    Array<float> out(3 * 7);
    emulated::inject_failure(emulated::Failure::library, 1);
    EXPECT_EQ(message_of([&] {
                  backend().matmul({3, 7, 5, Transpose::no, Transpose::yes}, a.data(), b.data(), out.data());
              }),
              "CUDA device 0: cublasSgemm of a 3x5 M,K; b 7x5 N,K; out 3x7 M,N failed: the device failed "
              "(CUBLAS_STATUS_EXECUTION_FAILED)");
}
#endif

}  // namespace
}  // namespace moco::cuda::testing
