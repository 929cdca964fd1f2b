// The one way things fail: an Error whose text is a whole sentence for the person who reads it.
//
// A message says what, where, which value, what was expected and what to do. Messages for users name the flag or the
// file; messages for developers name the op and both shapes with their letters. apps/ prints what() and exits non-zero.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace moco {

class Error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Throws Error with the formatted message ({fmt} syntax).
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
    throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws Error with the formatted message unless `condition` holds. The message is only formatted on failure.
template <typename... Args>
void check(bool condition, fmt::format_string<Args...> format, Args&&... args) {
    if (!condition) [[unlikely]]
        throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// What a fmt::formatter<T> of a type with to_string(const T&) derives from. Messages take such values themselves, so
/// that nothing is spelled before it is needed.
template <typename T>
struct FormatAsString : fmt::formatter<std::string> {
    auto format(const T& value, fmt::format_context& context) const {
        return fmt::formatter<std::string>::format(to_string(value), context);
    }
};

}  // namespace moco
