// A 64-bit hash of text that stays the same on every machine: FNV-1a.
#pragma once

#include <cstdint>
#include <string_view>

namespace moco {

/// The hash of nothing.
inline constexpr uint64_t kNoBytes = 14695981039346656037ull;

/// The hash of what `before` is the hash of, and of `text` behind it.
inline uint64_t fingerprint(std::string_view text, uint64_t before) {
    for (const char c : text) before = (before ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return before;
}

}  // namespace moco
