// The emulated cuBLAS: the functions that the backend calls, as strict about their arguments as the documentation is,
// and stricter where the real library would read or write what it must not.
#include <cublas_v2.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "cuda/emulated/failure.h"
#include "cuda/emulated/library_arithmetic.h"
#include "cuda/emulated/library_objects.h"
#include "cuda/emulated/memory.h"
#include "cuda/emulated/stream.h"

struct cublasContext {
    cudaStream_t stream = nullptr;
    cublasMath_t math = CUBLAS_DEFAULT_MATH;
    void* workspace = nullptr;
    size_t workspace_bytes = 0;
};

namespace moco::cuda::emulated {
namespace {

constexpr size_t kWorkspaceAlignment = 256;

struct StatusText {
    cublasStatus_t status;
    const char *name, *text;
};

constexpr std::array<StatusText, 10> kStatusTexts = {{
    {CUBLAS_STATUS_SUCCESS, "CUBLAS_STATUS_SUCCESS", "no error"},
    {CUBLAS_STATUS_NOT_INITIALIZED, "CUBLAS_STATUS_NOT_INITIALIZED", "no live handle"},
    {CUBLAS_STATUS_ALLOC_FAILED, "CUBLAS_STATUS_ALLOC_FAILED", "out of memory"},
    {CUBLAS_STATUS_INVALID_VALUE, "CUBLAS_STATUS_INVALID_VALUE", "an argument is wrong"},
    {CUBLAS_STATUS_ARCH_MISMATCH, "CUBLAS_STATUS_ARCH_MISMATCH", "the device cannot do it"},
    {CUBLAS_STATUS_MAPPING_ERROR, "CUBLAS_STATUS_MAPPING_ERROR", "memory could not be reached"},
    {CUBLAS_STATUS_EXECUTION_FAILED, "CUBLAS_STATUS_EXECUTION_FAILED", "the device failed"},
    {CUBLAS_STATUS_INTERNAL_ERROR, "CUBLAS_STATUS_INTERNAL_ERROR", "the library failed"},
    {CUBLAS_STATUS_NOT_SUPPORTED, "CUBLAS_STATUS_NOT_SUPPORTED", "it is not supported"},
    {CUBLAS_STATUS_LICENSE_ERROR, "CUBLAS_STATUS_LICENSE_ERROR", "no licence"},
}};

/// A column-major matrix of `rows` x `columns` as it is stored, column after column every `step` floats.
struct Matrix {
    const float* data;
    int64_t rows, columns, step;

    size_t bytes() const {
        return rows == 0 || columns == 0 ? 0 : static_cast<size_t>((columns - 1) * step + rows) * sizeof(float);
    }
};

/// A product C (m x n) = alpha * op(A) * op(B) + beta * C.
struct Product {
    Matrix a, b, c;
    bool a_transposed, b_transposed;
    int64_t k;
    float alpha, beta;
};

cublasStatus_t refuse(cublasStatus_t status, std::string_view call, std::string_view reason) {
    report(fmt::format("{}: {}", call, reason));
    return status;
}

cublasStatus_t refuse_value(std::string_view call, std::string_view reason) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, reason);
}

bool alive(cublasHandle_t handle) {
    return live<cublasContext>().contains(handle);
}

cublasStatus_t dead_handle(std::string_view call) {
    return refuse(CUBLAS_STATUS_NOT_INITIALIZED, call, "the handle was not created or is destroyed");
}

bool valid(cublasOperation_t operation) {
    return operation == CUBLAS_OP_N || operation == CUBLAS_OP_T || operation == CUBLAS_OP_C;
}

/// The matrix's rows (or columns, if `columns_first`) one after the other, each contiguous.
std::vector<float> packed(const Matrix& m, bool columns_first, Products products) {
    std::vector<float> lines;
    lines.reserve(static_cast<size_t>(m.rows * m.columns));
    const int64_t outer = columns_first ? m.columns : m.rows, inner = columns_first ? m.rows : m.columns;
    for (int64_t o = 0; o < outer; ++o) {
        for (int64_t i = 0; i < inner; ++i) {
            const float value = columns_first ? m.data[o * m.step + i] : m.data[i * m.step + o];
            lines.push_back(products == Products::tf32 ? as_tf32(value) : value);
        }
    }
    return lines;
}

void multiply(const Product& p, Products products) {
    const std::vector<float> a = packed(p.a, p.a_transposed, products);   // row i of op(A) at i * k
    const std::vector<float> b = packed(p.b, !p.b_transposed, products);  // column j of op(B) at j * k
    auto* const c = const_cast<float*>(p.c.data);
    for (int64_t j = 0; j < p.c.columns; ++j) {
        for (int64_t i = 0; i < p.c.rows; ++i) {
            float& target = c[j * p.c.step + i];
            double value = double{p.alpha} * dot(a.data() + i * p.k, b.data() + j * p.k, p.k);
            if (p.beta != 0) value += double{p.beta} * double{target};
            target = static_cast<float>(value);
        }
    }
}

/// Why the product cannot be computed; "" if it can.
std::string_view fault_of(const Product& p) {
    if (p.a.step < std::max<int64_t>(1, p.a.rows)) return "lda is smaller than the rows of A";
    if (p.b.step < std::max<int64_t>(1, p.b.rows)) return "ldb is smaller than the rows of B";
    if (p.c.step < std::max<int64_t>(1, p.c.rows)) return "ldc is smaller than the rows of C";
    for (const auto& [name, m] : {std::pair{"A is not device memory of its size", &p.a},
                                  {"B is not device memory of its size", &p.b},
                                  {"C is not device memory of its size", &p.c}}) {
        if (m->bytes() > 0 && !is_device_memory(m->data, m->bytes())) return name;
        if (reinterpret_cast<uintptr_t>(m->data) % alignof(float) != 0)
            return "a matrix is not aligned to its elements";
    }
    if (overlap(p.a.data, p.a.bytes(), p.c.data, p.c.bytes())) return "C overlaps A";
    if (overlap(p.b.data, p.b.bytes(), p.c.data, p.c.bytes())) return "C overlaps B";
    return "";
}

}  // namespace
}  // namespace moco::cuda::emulated

using namespace moco::cuda::emulated;

const char* cublasGetStatusName(cublasStatus_t status) {
    for (const StatusText& text : kStatusTexts) {
        if (text.status == status) return text.name;
    }
    return "unknown status";
}

const char* cublasGetStatusString(cublasStatus_t status) {
    for (const StatusText& text : kStatusTexts) {
        if (text.status == status) return text.text;
    }
    return "unknown status";
}

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
    if (!handle) return refuse_value("cublasCreate", "handle is null");
    if (injected_failure(Failure::library)) return CUBLAS_STATUS_ALLOC_FAILED;
    *handle = live<cublasContext>().create();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle) {
    return live<cublasContext>().destroy(handle) ? CUBLAS_STATUS_SUCCESS : dead_handle("cublasDestroy");
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
    if (!alive(handle)) return dead_handle("cublasSetStream");
    *handle = {.stream = stream, .math = handle->math};  // back to a workspace of the library's own, as documented
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, size_t bytes) {
    constexpr std::string_view kCall = "cublasSetWorkspace";
    if (!alive(handle)) return dead_handle(kCall);
    if (reinterpret_cast<uintptr_t>(workspace) % kWorkspaceAlignment != 0) {
        return refuse_value(kCall, "the workspace is not aligned to 256 bytes");
    }
    if (bytes > 0 && !is_device_memory(workspace, bytes)) {
        return refuse_value(kCall, "the workspace is not device memory of its size");
    }
    handle->workspace = workspace;
    handle->workspace_bytes = bytes;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
    if (!alive(handle)) return dead_handle("cublasSetMathMode");
    if (mode < CUBLAS_DEFAULT_MATH || mode > CUBLAS_TF32_TENSOR_OP_MATH) {
        return refuse_value("cublasSetMathMode", "unknown mode");
    }
    handle->math = mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,
                           int k, const float* alpha, const float* A, int lda, const float* B, int ldb,
                           const float* beta, float* C, int ldc) {
    constexpr std::string_view kCall = "cublasSgemm";
    if (!alive(handle)) return dead_handle(kCall);
    if (!valid(transa) || !valid(transb)) return refuse_value(kCall, "unknown operation");
    if (m < 0 || n < 0 || k < 0) return refuse_value(kCall, "m, n or k is negative");
    if (!alpha || !beta) return refuse_value(kCall, "alpha or beta is null");
    if (is_device_memory(alpha, sizeof(float)) || is_device_memory(beta, sizeof(float))) {
        return refuse_value(kCall, "alpha or beta is device memory, the pointer mode is host");
    }
    const bool a_transposed = transa != CUBLAS_OP_N, b_transposed = transb != CUBLAS_OP_N;
    const Product p = {.a = {A, a_transposed ? k : m, a_transposed ? m : k, lda},
                       .b = {B, b_transposed ? n : k, b_transposed ? k : n, ldb},
                       .c = {C, m, n, ldc},
                       .a_transposed = a_transposed,
                       .b_transposed = b_transposed,
                       .k = k,
                       .alpha = *alpha,
                       .beta = *beta};
    if (const std::string_view fault = fault_of(p); !fault.empty()) return refuse_value(kCall, fault);
    if (injected_failure(Failure::library)) return CUBLAS_STATUS_EXECUTION_FAILED;
    const Products products = handle->math == CUBLAS_TF32_TENSOR_OP_MATH ? Products::tf32 : Products::f32;
    const auto work = [p, products, workspace = handle->workspace, bytes = handle->workspace_bytes] {
        scribble(workspace, std::min<size_t>(bytes, 1 << 16));
        multiply(p, products);
    };
    return enqueue(handle->stream, "cublasSgemm", work) == cudaSuccess ? CUBLAS_STATUS_SUCCESS
                                                                       : CUBLAS_STATUS_EXECUTION_FAILED;
}
