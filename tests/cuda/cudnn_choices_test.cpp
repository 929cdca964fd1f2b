// Which algorithm is taken of those that cuDNN offers, and how that is stored. Needs no device.
#include <cudnn.h>
#include <gtest/gtest.h>

#include "cuda/conv2d_plan.h"
#include "tests/support/message.h"

namespace moco::cuda::testing {
namespace {

using moco::testing::message_of;

constexpr int kFma = CUDNN_FMA_MATH, kDefault = CUDNN_DEFAULT_MATH, kTensor = CUDNN_TENSOR_OP_MATH,
              kConversion = CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION;
constexpr int kPrecomp = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
              kImplicit = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, kFft = CUDNN_CONVOLUTION_FWD_ALGO_FFT,
              kWinograd = CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED;
constexpr size_t kLimit = 1000;

ConvKey key_of(Precision precision, ConvAlgorithm wanted = ConvAlgorithm::auto_select) {
    const DType dtype = precision == Precision::bf16 ? DType::bf16 : DType::f32;
    return {.dims = {2, 5, 7, 3, 4, 3, 3, 1, 1, dtype},
            .pass = ConvPass::forward,
            .precision = precision,
            .wanted = wanted};
}

ConvCandidate candidate(int algorithm, int math, size_t bytes = 0, bool deterministic = true) {
    return {{algorithm, math}, bytes, deterministic};
}

std::optional<ConvChoice> chosen(const std::vector<ConvCandidate>& candidates, const ConvKey& key) {
    return choose(candidates, key, kLimit);
}

TEST(CudnnChoices, TheFirstDeterministicOne) {
    EXPECT_EQ(chosen({candidate(kImplicit, kFma, 0, false), candidate(kPrecomp, kFma), candidate(kImplicit, kFma)},
                     key_of(Precision::f32)),
              (ConvChoice{kPrecomp, kFma}));
}

TEST(CudnnChoices, F32TakesNoTensorCores) {
    const std::vector<ConvCandidate> all = {candidate(kPrecomp, kConversion), candidate(kPrecomp, kTensor),
                                            candidate(kPrecomp, kDefault), candidate(kImplicit, kFma)};
    EXPECT_EQ(chosen(all, key_of(Precision::f32)), (ConvChoice{kImplicit, kFma}));
    EXPECT_EQ(chosen(all, key_of(Precision::tf32)), (ConvChoice{kPrecomp, kTensor}));
    EXPECT_EQ(chosen(all, key_of(Precision::bf16)), (ConvChoice{kPrecomp, kTensor}));
}

TEST(CudnnChoices, DirectTransformsNothing) {
    const std::vector<ConvCandidate> all = {candidate(kWinograd, kFma), candidate(kFft, kFma),
                                            candidate(kImplicit, kFma)};
    EXPECT_EQ(chosen(all, key_of(Precision::f32, ConvAlgorithm::direct)), (ConvChoice{kImplicit, kFma}));
    EXPECT_EQ(chosen(all, key_of(Precision::f32)), (ConvChoice{kWinograd, kFma}));
}

TEST(CudnnChoices, WinogradWhereThereIsOne) {
    const ConvKey key = key_of(Precision::f32, ConvAlgorithm::winograd);
    EXPECT_EQ(chosen({candidate(kImplicit, kFma), candidate(kWinograd, kFma, kLimit)}, key),
              (ConvChoice{kWinograd, kFma}));
    EXPECT_EQ(chosen({candidate(kImplicit, kFma), candidate(kPrecomp, kFma)}, key), (ConvChoice{kImplicit, kFma}));
}

TEST(CudnnChoices, WithinTheWorkspaceOrTheSmallest) {
    const ConvKey key = key_of(Precision::f32);
    EXPECT_EQ(chosen({candidate(kPrecomp, kFma, kLimit + 1), candidate(kImplicit, kFma, kLimit)}, key),
              (ConvChoice{kImplicit, kFma}));
    EXPECT_EQ(chosen({candidate(kPrecomp, kFma, kLimit + 9), candidate(kImplicit, kFma, kLimit + 1)}, key),
              (ConvChoice{kImplicit, kFma}));
}

TEST(CudnnChoices, NoneIfNoneIsAllowed) {
    EXPECT_EQ(chosen({}, key_of(Precision::f32)), std::nullopt);
    EXPECT_EQ(chosen({candidate(kPrecomp, kDefault), candidate(kImplicit, kFma, 0, false)}, key_of(Precision::f32)),
              std::nullopt);
}

TEST(CudnnChoices, AreWrittenAndRead) {
    ConvChoices choices("cuDNN 9.19.0 on sm_90");
    EXPECT_EQ(choices.text(), "");
    choices.add(key_of(Precision::tf32, ConvAlgorithm::direct), {kPrecomp, kDefault});
    ConvKey backward = key_of(Precision::bf16, ConvAlgorithm::winograd);
    backward.pass = ConvPass::backward_weight;
    choices.add(backward, {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, kTensor});
    EXPECT_EQ(choices.text(),
              "cuDNN 9.19.0 on sm_90\n"
              "forward tf32 direct 2x5x7x3 4x3x3 1x1 IMPLICIT_PRECOMP_GEMM DEFAULT\n"
              "backward-weight bf16 winograd 2x5x7x3 4x3x3 1x1 ALGO_3 TENSOR_OP\n");
    ConvChoices read("cuDNN 9.19.0 on sm_90");
    EXPECT_TRUE(read.add_text(choices.text()));
    EXPECT_EQ(read.text(), choices.text());
    EXPECT_EQ(*read.find(backward), (ConvChoice{CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, kTensor}));
    EXPECT_EQ(read.find(key_of(Precision::f32)), nullptr);
}

TEST(CudnnChoices, AreLeftWhereTheyWereMade) {
    ConvChoices choices("cuDNN 9.19.0 on sm_90");
    choices.add(key_of(Precision::f32), {kPrecomp, kFma});
    ConvChoices elsewhere("cuDNN 9.19.0 on sm_80");
    EXPECT_FALSE(elsewhere.add_text(choices.text()));
    EXPECT_EQ(elsewhere.count(), 0u);
    EXPECT_TRUE(elsewhere.add_text(""));
}

TEST(CudnnChoices, NameTheLineThatCannotBeRead) {
    const auto error = [](const std::string& line) {
        ConvChoices choices("here");
        const std::string good = "forward f32 auto 2x5x7x3 4x3x3 1x1 IMPLICIT_GEMM FMA\n";
        const std::string message = message_of([&] { choices.add_text("here\n" + good + line); });
        EXPECT_EQ(choices.count(), 0u) << "half of a damaged text was taken";
        return message;
    };
    const std::string where = "the stored choice of convolution algorithms, line 3: ";
    EXPECT_EQ(error("forward f32"), where + "2 words, expected 8");
    EXPECT_EQ(error("sideward f32 auto 2x5x7x3 4x3x3 1x1 IMPLICIT_GEMM FMA"),
              where + "'sideward' is none of forward, backward-data, backward-weight");
    EXPECT_EQ(error("forward f32 auto 2x5x7 4x3x3 1x1 IMPLICIT_GEMM FMA"),
              where + "'2x5x7' is not 4 numbers with x between");
    EXPECT_EQ(error("forward f32 auto 2x5x7x3 4x3x3 1x1y IMPLICIT_GEMM FMA"),
              where + "'1x1y' is not 2 numbers with x between");
    EXPECT_EQ(error("forward f32 auto 2x5x7x3 4x3x3 1x1 IMPLICIT_GEMM HALF"),
              where + "'HALF' is none of DEFAULT, TENSOR_OP, TENSOR_OP_ALLOW_CONVERSION, FMA");
}

}  // namespace
}  // namespace moco::cuda::testing
