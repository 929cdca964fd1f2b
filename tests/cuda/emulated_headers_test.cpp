// The declarations in cuda/emulated/include have NVIDIA's values. Compiled with the toolkit's headers, as the emulated
// build is where a toolkit is installed, the assertions compare the two; that the functions' types agree shows when
// their definitions (cuda/emulated/*.cpp) are compiled with either.
#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <gtest/gtest.h>

#include <cstddef>

namespace {

#include "own_header_values.inc"

// What the functions fill.
static_assert(sizeof(cudnnConvolutionFwdAlgoPerf_t) == 48 && offsetof(cudnnConvolutionFwdAlgoPerf_t, memory) == 16);
static_assert(sizeof(cudnnConvolutionBwdDataAlgoPerf_t) == 48 &&
              offsetof(cudnnConvolutionBwdDataAlgoPerf_t, mathType) == 28);
static_assert(sizeof(cudnnConvolutionBwdFilterAlgoPerf_t) == 48 &&
              offsetof(cudnnConvolutionBwdFilterAlgoPerf_t, mathType) == 28);

TEST(EmulatedHeaders, HaveNvidiasValues) {
    SUCCEED() << "it compiled";
}

}  // namespace
