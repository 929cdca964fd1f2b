#include "cuda/emulated/library_arithmetic.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "core/bf16.h"

namespace moco::cuda::emulated {

double dot(const float* a, const float* b, int64_t count) {
    constexpr int kLanes = 8;  // independent sums, which the compiler can put into vectors
    double sums[kLanes] = {};
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        for (int lane = 0; lane < kLanes; ++lane) sums[lane] += double{a[i + lane]} * double{b[i + lane]};
    }
    double total = 0;
    for (const double sum : sums) total += sum;
    for (; i < count; ++i) total += double{a[i]} * double{b[i]};
    return total;
}

void add_scaled(double factor, const float* x, double* sum, int64_t count) {
    for (int64_t i = 0; i < count; ++i) sum[i] += factor * double{x[i]};
}

float as_tf32(float value) {
    if (!std::isfinite(value)) return value;
    constexpr uint32_t kDropped = 13;  // of 23 digits
    const uint32_t bits = std::bit_cast<uint32_t>(value) + (1u << (kDropped - 1));
    return std::bit_cast<float>(bits >> kDropped << kDropped);
}

std::vector<float> floats_for(Products products, DType dtype, const void* elements, int64_t count) {
    std::vector<float> floats(static_cast<size_t>(count));
    if (dtype == DType::bf16) {
        const auto* halves = static_cast<const uint16_t*>(elements);
        for (size_t i = 0; i < floats.size(); ++i) floats[i] = bf16_to_float(halves[i]);
    } else {
        std::memcpy(floats.data(), elements, floats.size() * sizeof(float));
    }
    if (products == Products::tf32) {
        for (float& value : floats) value = as_tf32(value);
    }
    return floats;
}

void store(const std::vector<double>& sums, float alpha, float beta, DType dtype, void* target) {
    auto* const halves = static_cast<uint16_t*>(target);
    auto* const floats = static_cast<float*>(target);
    for (size_t i = 0; i < sums.size(); ++i) {
        double value = double{alpha} * sums[i];
        if (beta != 0) value += double{beta} * double{dtype == DType::bf16 ? bf16_to_float(halves[i]) : floats[i]};
        if (dtype == DType::bf16)
            halves[i] = float_to_bf16(static_cast<float>(value));
        else
            floats[i] = static_cast<float>(value);
    }
}

void scribble(void* workspace, size_t bytes) {
    if (bytes > 0) std::memset(workspace, 0xff, bytes);
}

bool overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes) {
    const auto first = reinterpret_cast<uintptr_t>(a), second = reinterpret_cast<uintptr_t>(b);
    return first < second + b_bytes && second < first + a_bytes;
}

}  // namespace moco::cuda::emulated
