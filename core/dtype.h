// The element types a tensor can have.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace moco {

enum class DType : uint8_t { f32, bf16, u8, i64 };

/// Bytes of one element.
constexpr size_t size_of(DType dtype) {
    switch (dtype) {
        case DType::f32:
            return 4;
        case DType::bf16:
            return 2;
        case DType::u8:
            return 1;
        case DType::i64:
            return 8;
    }
    return 0;
}

/// The type's name as this project writes it: "f32", "bf16", "u8", "i64".
constexpr std::string_view name_of(DType dtype) {
    switch (dtype) {
        case DType::f32:
            return "f32";
        case DType::bf16:
            return "bf16";
        case DType::u8:
            return "u8";
        case DType::i64:
            return "i64";
    }
    return "?";
}

/// The DType of a C++ element type: dtype_of<float>. bf16 has no C++ type of its own; its bits travel as uint16_t.
template <typename T>
inline constexpr DType dtype_of = DType::f32;
template <>
inline constexpr DType dtype_of<uint16_t> = DType::bf16;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::u8;
template <>
inline constexpr DType dtype_of<int64_t> = DType::i64;

}  // namespace moco

template <>
struct fmt::formatter<moco::DType> : fmt::formatter<std::string_view> {
    auto format(moco::DType dtype, fmt::format_context& context) const {
        return fmt::formatter<std::string_view>::format(moco::name_of(dtype), context);
    }
};
