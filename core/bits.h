// std::bit_cast, which the standard library of clang 14 (em++ 3.1.6) does not have yet.
#pragma once

#include <cstring>
#include <type_traits>

namespace moco {

/// The value whose bits are those of `from`.
template <typename To, typename From>
To bit_cast(const From& from) {
    static_assert(sizeof(To) == sizeof(From) && std::is_trivially_copyable_v<To> && std::is_trivially_copyable_v<From>);
    To to;
    std::memcpy(&to, &from, sizeof(to));
    return to;
}

}  // namespace moco
