// The format: numpy/lib/format.py. A magic, a version of two bytes, the header's length in 2 bytes (version 1) or 4,
// the header, which is a dictionary written in Python, then the elements.
#include "nn/npy_header.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/error.h"
#include "core/parse.h"

namespace moco {
namespace {

constexpr size_t kPreamble = 10, kPreambleOfVersion2 = 12, kMostDimensions = 32, kShown = 200;

/// What follows 'KEY': in the dictionary; nothing if it is not there.
std::optional<std::string_view> after_key(std::string_view text, std::string_view key) {
    const size_t place = text.find(fmt::format("'{}':", key));
    if (place == text.npos) return std::nullopt;
    text.remove_prefix(place + key.size() + 3);
    while (text.starts_with(' ')) text.remove_prefix(1);
    return text;
}

/// "'<f4', ...", and "" of "[('a', '<f4'), ...".
std::string parse_descr(std::string_view text) {
    if (!text.starts_with('\'')) return "";
    text.remove_prefix(1);
    return std::string(text.substr(0, text.find('\'')));
}

/// "(3, 4), ...", "(3,)", "()".
std::optional<std::vector<int64_t>> parse_shape(std::string_view text) {
    const size_t end = text.find(')');
    if (!text.starts_with('(') || end == text.npos) return std::nullopt;
    text = text.substr(1, end - 1);
    std::vector<int64_t> shape;
    while (!text.empty() && shape.size() <= kMostDimensions) {
        const size_t comma = std::min(text.find(','), text.size());
        std::string_view number = text.substr(0, comma);
        while (number.starts_with(' ')) number.remove_prefix(1);
        if (number.ends_with('L')) number.remove_suffix(1);  // Python 2
        const std::optional<int64_t> extent = parse_number<int64_t>(number);
        if (!extent || *extent < 0) return std::nullopt;
        shape.push_back(*extent);
        text.remove_prefix(std::min(comma + 1, text.size()));
        if (text == " ") break;
    }
    return shape.size() <= kMostDimensions ? std::optional(shape) : std::nullopt;
}

}  // namespace

bool is_npy(std::span<const uint8_t> bytes) {
    return bytes.size() >= kNpyMagic.size() && std::memcmp(bytes.data(), kNpyMagic.data(), kNpyMagic.size()) == 0;
}

NpyHeader read_npy_header(std::span<const uint8_t> bytes, const std::string& name) {
    check(is_npy(bytes) && bytes.size() >= kPreambleOfVersion2, "{}: no NumPy array, or truncated", name);
    const bool version1 = bytes[kNpyMagic.size()] == 1;
    const size_t preamble = version1 ? kPreamble : kPreambleOfVersion2;
    uint32_t length = 0;
    std::memcpy(&length, bytes.data() + 8, version1 ? 2 : 4);
    check(length <= bytes.size() - preamble, "{}: damaged or truncated: the header of the array would take {} bytes",
          name, length);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + preamble, length);
    NpyHeader header;
    header.text = text.substr(0, text.find_last_not_of(" \n") + 1).substr(0, kShown);
    const auto descr = after_key(text, "descr"), order = after_key(text, "fortran_order"),
               shape = after_key(text, "shape");
    std::optional<std::vector<int64_t>> extents = shape ? parse_shape(*shape) : std::nullopt;
    check(descr && order && extents, "{}: damaged: the array has the header '{}', which is not NumPy's", name,
          header.text);
    header.descr = parse_descr(*descr);
    header.column_major = order->starts_with("True");
    header.shape = std::move(*extents);
    header.elements = bytes.subspan(preamble + length);
    return header;
}

}  // namespace moco
