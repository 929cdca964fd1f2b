// What an .npy file says of the array in it, for those who read one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moco {

/// What every .npy file begins with.
inline constexpr std::string_view kNpyMagic = "\x93NUMPY";

struct NpyHeader {
    std::string descr;  // type of an element as NumPy writes it, "<f4"; "" for records, which have several
    bool column_major = false;
    std::vector<int64_t> shape;         // no extent is negative; their product may be more than the file holds
    std::string text;                   // the header as it stands, its first 200 bytes, for messages
    std::span<const uint8_t> elements;  // all bytes behind it; valid as long as the file's
};

bool is_npy(std::span<const uint8_t> bytes);

/// Throws Error beginning with `name` where the bytes are no .npy file of version 1 to 3, are cut off within the
/// header, or the header is not NumPy's.
NpyHeader read_npy_header(std::span<const uint8_t> bytes, const std::string& name);

}  // namespace moco
