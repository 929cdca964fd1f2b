#include "moco/interchange/numpy_file.h"

#include <optional>

#include "core/error.h"
#include "moco/interchange/pickle_globals.h"
#include "nn/npy_header.h"

namespace moco {
namespace {

/// Of little-endian numbers and of single bytes.
std::optional<FileDType> dtype_of(std::string_view descr) {
    if (descr.size() != 3 || (descr[0] != '<' && descr[0] != '|')) return std::nullopt;
    return dtype_of_numpy(descr.substr(1));
}

}  // namespace

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
    const NpyHeader header = read_npy_header(npy, fmt::format("{}: {}", file_.path(), name));
    const std::optional<FileDType> dtype = dtype_of(header.descr);
    check(dtype.has_value(),
          "{}: array {} has the header '{}'; this program reads little-endian f2, f4, f8, i1, i2, i4, i8, u1 and b1",
          file_.path(), name, header.text);
    const int64_t bytes = bytes_of(*dtype, header.shape);
    check(bytes >= 0 && static_cast<uint64_t>(bytes) <= header.elements.size(),
          "{} is damaged or truncated: array {} of shape {} and type {} has {} bytes", file_.path(), name,
          shape_text(header.shape), name_of(*dtype), header.elements.size());
    entries.push_back({name, *dtype, header.shape, places_.size(), static_cast<uint64_t>(bytes)});
    places_.push_back({header.elements.data(),
                       header.column_major ? column_major_strides(header.shape) : row_major_strides(header.shape)});
}

void NumpyFile::read(const TensorEntry& entry, void* target) const {
    const Place& place = places_[entry.begin];
    if (entry.bytes > 0) copy_strided({place.elements, size_of(entry.dtype), entry.shape, place.strides}, target);
}

}  // namespace moco
