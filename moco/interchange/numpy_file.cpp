// The format: numpy/lib/format.py. A header that is a dictionary written in Python, then the elements.
#include "moco/interchange/numpy_file.h"

#include <cstring>
#include <optional>

#include "core/error.h"
#include "core/parse.h"
#include "moco/interchange/pickle_globals.h"

namespace moco {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kPreamble = 10, kPreambleOfVersion2 = 12, kMostDimensions = 32;

struct Header {
    FileDType dtype = FileDType::f32;
    bool column_major = false;
    std::vector<int64_t> shape;
};

/// What follows 'KEY': in the dictionary; nothing if it is not there.
std::optional<std::string_view> after_key(std::string_view text, std::string_view key) {
    const size_t place = text.find(fmt::format("'{}':", key));
    if (place == text.npos) return std::nullopt;
    text.remove_prefix(place + key.size() + 3);
    while (text.starts_with(' ')) text.remove_prefix(1);
    return text;
}

std::optional<FileDType> parse_dtype(std::string_view text) {
    if (!text.starts_with('\'')) return std::nullopt;
    text.remove_prefix(1);
    const std::string_view descr = text.substr(0, text.find('\''));
    if (descr.size() != 3 || (descr[0] != '<' && descr[0] != '|')) return std::nullopt;
    return dtype_of_numpy(descr.substr(1));
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

std::optional<Header> parse_header(std::string_view text) {
    const auto descr = after_key(text, "descr"), order = after_key(text, "fortran_order"),
               shape = after_key(text, "shape");
    if (!descr || !order || !shape) return std::nullopt;
    const std::optional<FileDType> dtype = parse_dtype(*descr);
    std::optional<std::vector<int64_t>> extents = parse_shape(*shape);
    if (!dtype || !extents) return std::nullopt;
    return Header{*dtype, order->starts_with("True"), std::move(*extents)};
}

}  // namespace

bool looks_like_npy(std::span<const uint8_t> bytes) {
    return bytes.size() >= kMagic.size() && std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) == 0;
}

NumpyFile::NumpyFile(MappedFile file) : file_(std::move(file)) {
    path_ = file_.path();
    std::vector<TensorEntry> entries;
    if (looks_like_zip(file_.bytes())) {
        const ZipArchive archive(file_.bytes(), file_.path());
        unpacked_.reserve(archive.entries().size());
        for (const ZipEntry& entry : archive.entries()) {
            if (!entry.name.ends_with(".npy")) continue;
            if (entry.deflated) {
                unpacked_.push_back(archive.inflated(entry));
            } else {
                archive.check_crc(entry);
            }
            add(entries, entry.name.substr(0, entry.name.size() - 4),
                entry.deflated ? std::span<const uint8_t>(unpacked_.back()) : archive.stored_bytes(entry));
        }
        check(!entries.empty(), "{} is a zip archive without NumPy arrays: it holds no entry NAME.npy", file_.path());
    } else {
        add(entries, "array", file_.bytes());
    }
    set_entries(std::move(entries));
}

void NumpyFile::add(std::vector<TensorEntry>& entries, const std::string& name, std::span<const uint8_t> npy) {
    check(looks_like_npy(npy) && npy.size() >= kPreambleOfVersion2, "{}: {} is no NumPy array, or truncated",
          file_.path(), name);
    const bool version1 = npy[kMagic.size()] == 1;
    const size_t preamble = version1 ? kPreamble : kPreambleOfVersion2;
    uint32_t length = 0;
    std::memcpy(&length, npy.data() + 8, version1 ? 2 : 4);
    check(length <= npy.size() - preamble, "{} is damaged or truncated: the header of array {} would take {} bytes",
          file_.path(), name, length);
    const std::string_view text(reinterpret_cast<const char*>(npy.data()) + preamble, length);
    const std::optional<Header> header = parse_header(text);
    check(header.has_value(),
          "{}: array {} has the header '{}'; this program reads little-endian f2, f4, f8, i1, i2, i4, i8, u1 and b1",
          file_.path(), name, text.substr(0, text.find_last_not_of(" \n") + 1).substr(0, 200));
    const std::span<const uint8_t> elements = npy.subspan(preamble + length);
    const int64_t bytes = bytes_of(header->dtype, header->shape);
    check(bytes >= 0 && static_cast<uint64_t>(bytes) <= elements.size(),
          "{} is damaged or truncated: array {} of shape {} and type {} has {} bytes", file_.path(), name,
          shape_text(header->shape), name_of(header->dtype), elements.size());
    entries.push_back({name, header->dtype, header->shape, places_.size(), static_cast<uint64_t>(bytes)});
    places_.push_back({elements.data(),
                       header->column_major ? column_major_strides(header->shape) : row_major_strides(header->shape)});
}

void NumpyFile::read(const TensorEntry& entry, void* target) const {
    const Place& place = places_[entry.begin];
    if (entry.bytes > 0) copy_strided({place.elements, size_of(entry.dtype), entry.shape, place.strides}, target);
}

}  // namespace moco
