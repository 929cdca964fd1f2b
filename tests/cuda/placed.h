// Values of tests in device memory, placed as a kernel may meet them: of either type of activations, at an address that
// suits 16-byte loads or just misses it, between elements that nobody may touch.
#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "tests/cuda/support.h"

namespace moco::cuda::testing {

/// `count` f32 or bf16 values, `shift` elements behind an aligned address, between guards.
class Placed {
  public:
    /// These values, as dtype holds them.
    Placed(DType dtype, const std::vector<float>& values, int64_t shift = 0)
        : dtype_(dtype), count_(values.size()), shift_(static_cast<size_t>(shift)), memory_(image(values)) {}
    /// Not written yet: NaN, so that what a kernel leaves out shows.
    Placed(DType dtype, int64_t count, int64_t shift = 0)
        : Placed(dtype, std::vector<float>(static_cast<size_t>(count), NAN), shift) {}
    explicit Placed(const std::vector<float>& values, int64_t shift = 0) : Placed(DType::f32, values, shift) {}
    explicit Placed(int64_t count, int64_t shift = 0) : Placed(DType::f32, count, shift) {}

    void* data() { return memory_.data() + begin(); }
    float* floats() { return reinterpret_cast<float*>(memory_.data() + begin()); }

    /// The values now. Expects the guards as they were.
    std::vector<float> host() const {
        const std::vector<uint8_t> bytes = memory_.host();
        for (size_t i = 0; i < bytes.size(); ++i) {
            const bool guard = i < begin() || i >= begin() + count_ * width();
            if (guard && bytes[i] != kGuardByte) {
                ADD_FAILURE() << "byte " << i << " beside the " << count_ << " values was written";
                break;
            }
        }
        std::vector<float> values(count_);
        for (size_t i = 0; i < count_; ++i) {
            const uint8_t* element = bytes.data() + begin() + i * width();
            uint16_t bits = 0;
            if (dtype_ == DType::bf16) {
                std::memcpy(&bits, element, sizeof bits);
                values[i] = bf16_to_float(bits);
            } else {
                std::memcpy(&values[i], element, sizeof(float));
            }
        }
        return values;
    }

  private:
    static constexpr size_t kGuard = 64;
    static constexpr uint8_t kGuardByte = 0xa5;

    size_t width() const { return dtype_ == DType::bf16 ? 2 : 4; }
    size_t begin() const { return kGuard + shift_ * width(); }

    std::vector<uint8_t> image(const std::vector<float>& values) const {
        std::vector<uint8_t> bytes(begin(), kGuardByte);
        const auto append = [&](auto element) {
            const auto* first = reinterpret_cast<const uint8_t*>(&element);
            bytes.insert(bytes.end(), first, first + sizeof element);
        };
        for (const float value : values) dtype_ == DType::bf16 ? append(float_to_bf16(value)) : append(value);
        bytes.resize(bytes.size() + kGuard, kGuardByte);
        return bytes;
    }

    DType dtype_;
    size_t count_, shift_;
    DeviceArray<uint8_t> memory_;
};

/// What dtype keeps of these values, f32 or bf16.
inline std::vector<float> kept(DType dtype, const std::vector<float>& values) {
    return dtype == DType::bf16 ? from_bf16(to_bf16(values)) : values;
}

/// The bound of results that are written as dtype, given that of their f32 arithmetic.
inline double stored_as(DType dtype, double tolerance) {
    return tolerance + (dtype == DType::bf16 ? kStoredAsBf16 : 0);
}

/// Elements of an op that takes each alone: by their relation to the warp, the block and the pack of 16 bytes, and to
/// the 1024 or 2048 that a block of packs takes; at an aligned address and beside one.
struct ElementCase {
    DType dtype;
    int64_t count, shift;
};

inline std::vector<ElementCase> element_cases(std::vector<DType> dtypes = {DType::f32, DType::bf16}) {
    std::vector<ElementCase> cases;
    for (const DType dtype : dtypes)
        for (const int64_t count : {1, 3, 4, 7, 8, 9, 31, 32, 33, 255, 256, 257, 1025, 2047, 4099})
            for (const int64_t shift : {0, 1}) cases.push_back({dtype, count, shift});
    return cases;
}

inline std::string what(const ElementCase& c) {
    return fmt::format("{} of {}, {} beside an aligned address", c.count, c.dtype, c.shift);
}

/// Matrices by the relation of their rows and columns to a block's 8 x 32 elements or packs; f32.
struct MatrixCase {
    int64_t rows, columns, shift;
};

inline std::vector<MatrixCase> matrix_cases() {
    std::vector<MatrixCase> cases;
    for (const auto& [rows, columns] : std::vector<std::pair<int64_t, int64_t>>{
             {1, 1}, {1, 128}, {7, 31}, {8, 32}, {9, 33}, {5, 124}, {17, 127}, {3, 132}, {33, 4}, {40, 257}, {2, 516}})
        for (const int64_t shift : {0, 1}) cases.push_back({rows, columns, shift});
    return cases;
}

inline std::string what(const MatrixCase& c) {
    return fmt::format("{} x {}, {} beside an aligned address", c.rows, c.columns, c.shift);
}

}  // namespace moco::cuda::testing
