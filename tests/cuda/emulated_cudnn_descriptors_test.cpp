// The emulated cuDNN's descriptors accept and refuse what the real ones do. Those work without a device, so the real
// library is asked wherever it is installed; loaded at run time, because its names are those of the stand-in.
#include <cudnn.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>

namespace moco::cuda::testing {
namespace {

/// The functions of one library that work on descriptors.
struct Descriptors {
    decltype(&cudnnCreateTensorDescriptor) create_tensor;
    decltype(&cudnnDestroyTensorDescriptor) destroy_tensor;
    decltype(&cudnnSetTensor4dDescriptor) set_tensor;
    decltype(&cudnnCreateFilterDescriptor) create_filter;
    decltype(&cudnnDestroyFilterDescriptor) destroy_filter;
    decltype(&cudnnSetFilter4dDescriptor) set_filter;
    decltype(&cudnnCreateConvolutionDescriptor) create_convolution;
    decltype(&cudnnDestroyConvolutionDescriptor) destroy_convolution;
    decltype(&cudnnSetConvolution2dDescriptor) set_convolution;
    decltype(&cudnnSetConvolutionMathType) set_math;
    decltype(&cudnnGetConvolution2dForwardOutputDim) output_extents;
};

constexpr Descriptors kOurs = {
    cudnnCreateTensorDescriptor,      cudnnDestroyTensorDescriptor,         cudnnSetTensor4dDescriptor,
    cudnnCreateFilterDescriptor,      cudnnDestroyFilterDescriptor,         cudnnSetFilter4dDescriptor,
    cudnnCreateConvolutionDescriptor, cudnnDestroyConvolutionDescriptor,    cudnnSetConvolution2dDescriptor,
    cudnnSetConvolutionMathType,      cudnnGetConvolution2dForwardOutputDim};

void* real_library() {
    static void* const library = [] {
        for (const char* name : {"libcudnn.so.9", "/usr/local/cuda/lib64/libcudnn.so.9"}) {
            if (void* const found = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return found;
        }
        return static_cast<void*>(nullptr);
    }();
    return library;
}

template <typename F>
void find(F& function, const char* name) {
    function = reinterpret_cast<F>(dlsym(real_library(), name));
    ASSERT_NE(function, nullptr) << name;
}

/// What becomes of one convolution's descriptors: the statuses of all calls, and the extents at the end.
struct Outcome {
    std::array<int, 4> statuses{};  // tensor, filter, convolution, extents
    std::array<int, 4> extents{};
    bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& o) {
    return out << fmt::format("statuses {}, extents {}", fmt::join(o.statuses, " "), fmt::join(o.extents, " "));
}

/// The arguments of the calls. Good as they stand; tests spoil one.
struct Case {
    std::string what;
    cudnnTensorFormat_t format = CUDNN_TENSOR_NHWC, filter_format = CUDNN_TENSOR_NHWC;
    cudnnDataType_t type = CUDNN_DATA_FLOAT, filter_type = CUDNN_DATA_FLOAT, compute_type = CUDNN_DATA_FLOAT;
    std::array<int, 4> x = {2, 3, 9, 11}, w = {4, 3, 3, 3};  // N,C,H,W and K,C,H,W
    int pad_h = 1, pad_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
    cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
};

Outcome outcome_of(const Descriptors& f, const Case& c) {
    cudnnTensorDescriptor_t x = nullptr;
    cudnnFilterDescriptor_t w = nullptr;
    cudnnConvolutionDescriptor_t how = nullptr;
    EXPECT_EQ(f.create_tensor(&x), CUDNN_STATUS_SUCCESS);
    EXPECT_EQ(f.create_filter(&w), CUDNN_STATUS_SUCCESS);
    EXPECT_EQ(f.create_convolution(&how), CUDNN_STATUS_SUCCESS);
    Outcome outcome;
    outcome.statuses[0] = f.set_tensor(x, c.format, c.type, c.x[0], c.x[1], c.x[2], c.x[3]);
    outcome.statuses[1] = f.set_filter(w, c.filter_type, c.filter_format, c.w[0], c.w[1], c.w[2], c.w[3]);
    outcome.statuses[2] = f.set_convolution(how, c.pad_h, c.pad_w, c.stride_h, c.stride_w, c.dilation_h, c.dilation_w,
                                            c.mode, c.compute_type);
    const bool all_set = outcome.statuses == std::array<int, 4>{};  // what a refused call leaves means nothing
    std::array<int, 4> extents{};
    if (all_set) outcome.statuses[3] = f.output_extents(how, x, w, &extents[0], &extents[1], &extents[2], &extents[3]);
    if (outcome.statuses[3] == CUDNN_STATUS_SUCCESS) outcome.extents = extents;  // nor do those of a refused call
    EXPECT_EQ(f.destroy_tensor(x), CUDNN_STATUS_SUCCESS);
    EXPECT_EQ(f.destroy_filter(w), CUDNN_STATUS_SUCCESS);
    EXPECT_EQ(f.destroy_convolution(how), CUDNN_STATUS_SUCCESS);
    return outcome;
}

class EmulatedCudnnDescriptors : public ::testing::Test {
  protected:
    void SetUp() override {
        if (real_library() == nullptr) GTEST_SKIP() << "libcudnn.so.9 is not installed";
        find(real_.create_tensor, "cudnnCreateTensorDescriptor");
        find(real_.destroy_tensor, "cudnnDestroyTensorDescriptor");
        find(real_.set_tensor, "cudnnSetTensor4dDescriptor");
        find(real_.create_filter, "cudnnCreateFilterDescriptor");
        find(real_.destroy_filter, "cudnnDestroyFilterDescriptor");
        find(real_.set_filter, "cudnnSetFilter4dDescriptor");
        find(real_.create_convolution, "cudnnCreateConvolutionDescriptor");
        find(real_.destroy_convolution, "cudnnDestroyConvolutionDescriptor");
        find(real_.set_convolution, "cudnnSetConvolution2dDescriptor");
        find(real_.set_math, "cudnnSetConvolutionMathType");
        find(real_.output_extents, "cudnnGetConvolution2dForwardOutputDim");
    }
    void expect_same(const Case& c) { EXPECT_EQ(outcome_of(kOurs, c), outcome_of(real_, c)) << c.what; }

    Descriptors real_{};
};

TEST_F(EmulatedCudnnDescriptors, OfConvolutionsThatThereAre) {
    for (const int window : {1, 2, 3, 7}) {
        for (const int stride : {1, 2, 3}) {
            for (const int pad : {0, 1, 3}) {
                for (const int size : {1, 5, 8, 13}) {
                    Case c = {.what = fmt::format("window {}, stride {}, pad {}, size {}", window, stride, pad, size)};
                    c.x = {2, 3, size, size + 2};
                    c.w = {4, 3, window, window == 2 ? 3 : window};
                    c.stride_h = stride;
                    c.stride_w = stride == 3 ? 1 : stride;
                    c.pad_h = pad;
                    c.pad_w = pad == 3 ? 2 : pad;
                    expect_same(c);
                }
            }
        }
    }
}

TEST_F(EmulatedCudnnDescriptors, OfTypesAndLayouts) {
    for (const cudnnDataType_t type : {CUDNN_DATA_FLOAT, CUDNN_DATA_DOUBLE, CUDNN_DATA_HALF, CUDNN_DATA_INT8,
                                       CUDNN_DATA_INT32, CUDNN_DATA_BFLOAT16, static_cast<cudnnDataType_t>(77)}) {
        expect_same({.what = fmt::format("tensor of type {}", static_cast<int>(type)), .type = type});
        expect_same({.what = fmt::format("filter of type {}", static_cast<int>(type)), .filter_type = type});
        expect_same({.what = fmt::format("sums of type {}", static_cast<int>(type)), .compute_type = type});
    }
    for (const auto format : {CUDNN_TENSOR_NCHW, CUDNN_TENSOR_NHWC, static_cast<cudnnTensorFormat_t>(9)}) {
        expect_same({.what = fmt::format("tensor in format {}", static_cast<int>(format)), .format = format});
        expect_same({.what = fmt::format("filter in format {}", static_cast<int>(format)), .filter_format = format});
    }
    expect_same({.what = "tensor of vectors", .format = CUDNN_TENSOR_NCHW_VECT_C});
    expect_same({.what = "mirrored", .mode = CUDNN_CONVOLUTION});
    expect_same({.what = "no mode", .mode = static_cast<cudnnConvolutionMode_t>(5)});
}

TEST_F(EmulatedCudnnDescriptors, OfWrongExtents) {
    for (size_t i = 0; i < 4; ++i) {
        for (const int extent : {0, -1}) {
            Case c = {.what = fmt::format("extent {} is {}", i, extent)};
            c.x[i] = extent;
            expect_same(c);
            c.x = Case{}.x;
            c.w[i] = extent;
            expect_same(c);
        }
    }
    for (int Case::*parameter :
         {&Case::pad_h, &Case::pad_w, &Case::stride_h, &Case::stride_w, &Case::dilation_h, &Case::dilation_w}) {
        for (const int value : {-1, 0, 2}) {
            Case c = {.what = fmt::format("a parameter is {}", value)};
            c.*parameter = value;
            expect_same(c);
        }
    }
    expect_same({.what = "other channels", .w = {4, 2, 3, 3}});
    expect_same({.what = "a filter of the image's size", .w = {4, 3, 11, 13}});
    expect_same({.what = "a filter larger than the image", .w = {4, 3, 12, 3}});
    expect_same({.what = "a filter wider than the image", .w = {4, 3, 3, 14}});
}

TEST_F(EmulatedCudnnDescriptors, OfTheLargestTensors) {
    expect_same({.what = "2^31 - 1 elements", .x = {1, std::numeric_limits<int>::max(), 1, 1}});
    expect_same({.what = "2^31 elements", .x = {1 << 16, 1 << 15, 1, 1}});
    expect_same({.what = "2^31 - 2^15 elements", .x = {(1 << 16) - 1, 1 << 15, 1, 1}});
    expect_same({.what = "2^46 elements", .x = {1 << 16, 1 << 15, 1 << 15, 1}});
}

TEST_F(EmulatedCudnnDescriptors, ThatWereNotSet) {
    for (const Descriptors* f : {&kOurs, static_cast<const Descriptors*>(&real_)}) {
        cudnnTensorDescriptor_t x = nullptr;
        cudnnFilterDescriptor_t w = nullptr;
        cudnnConvolutionDescriptor_t how = nullptr;
        f->create_tensor(&x);
        f->create_filter(&w);
        f->create_convolution(&how);
        int n = 0;
        EXPECT_EQ(f->output_extents(how, x, w, &n, &n, &n, &n), CUDNN_STATUS_BAD_PARAM);
        EXPECT_EQ(f->set_math(how, CUDNN_FMA_MATH), CUDNN_STATUS_SUCCESS);
        EXPECT_EQ(f->set_math(how, static_cast<cudnnMathType_t>(9)), CUDNN_STATUS_BAD_PARAM);
        f->destroy_tensor(x);
        f->destroy_filter(w);
        f->destroy_convolution(how);
    }
}

TEST_F(EmulatedCudnnDescriptors, ThatAreNull) {
    for (const Descriptors* f : {&kOurs, static_cast<const Descriptors*>(&real_)}) {
        EXPECT_EQ(f->set_tensor(nullptr, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 1, 1, 1, 1), CUDNN_STATUS_BAD_PARAM);
        EXPECT_EQ(f->set_filter(nullptr, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC, 1, 1, 1, 1), CUDNN_STATUS_BAD_PARAM);
        EXPECT_EQ(f->set_convolution(nullptr, 0, 0, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
                  CUDNN_STATUS_BAD_PARAM);
        EXPECT_EQ(f->create_filter(nullptr), CUDNN_STATUS_BAD_PARAM);
        EXPECT_EQ(f->destroy_tensor(nullptr), CUDNN_STATUS_SUCCESS);
        EXPECT_EQ(f->destroy_filter(nullptr), CUDNN_STATUS_SUCCESS);
        EXPECT_EQ(f->destroy_convolution(nullptr), CUDNN_STATUS_SUCCESS);
    }
}

}  // namespace
}  // namespace moco::cuda::testing
