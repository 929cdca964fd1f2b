// Numbers from text.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <type_traits>

namespace moco {

/// The number that the whole text is, written as std::from_chars wants it; nothing if it is none or too large.
std::optional<double> parse_double(std::string_view text);

/// The same for integers and doubles.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
    if constexpr (std::is_same_v<T, double>) {
        return parse_double(text);
    } else {
        static_assert(std::is_integral_v<T>);
        T value{};
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
        return value;
    }
}

}  // namespace moco
