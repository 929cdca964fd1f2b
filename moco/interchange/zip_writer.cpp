#include "moco/interchange/zip_writer.h"

#include <zlib.h>

#include <limits>

#include "core/error.h"

namespace moco {
namespace {

constexpr uint64_t kAlignment = 64, kLocalHeaderBytes = 30, kExtraHeaderBytes = 4;
constexpr uint16_t kVersion = 20, kDate = 33;  // 1 January 1980: equal contents, equal bytes

void put(std::string& to, uint64_t number, size_t bytes) {
    to.append(reinterpret_cast<const char*>(&number), bytes);
}

/// What both kinds of header have, from the flags to the sizes.
void put_common(std::string& to, uint32_t crc, uint32_t size) {
    put(to, 0, 4);  // flags, method: stored
    put(to, 0, 2), put(to, kDate, 2);
    put(to, crc, 4), put(to, size, 4), put(to, size, 4);
}

/// An extra field of PyTorch's ("FB") that fills up to the next multiple of kAlignment after `place`.
std::string padding(uint64_t place) {
    const uint64_t bytes = (kAlignment - (place + kExtraHeaderBytes) % kAlignment) % kAlignment;
    std::string extra = "FB";
    put(extra, bytes, 2);
    return extra + std::string(bytes, 'Z');
}

}  // namespace

void ZipWriter::write(std::string_view bytes) {
    file_.write(bytes);
    place_ += bytes.size();
    check(place_ < std::numeric_limits<uint32_t>::max(),
          "{} would be larger than 4 GiB, which a zip archive of this program cannot be; write safetensors",
          path_.string());
}

void ZipWriter::add(const std::string& name, std::span<const std::string_view> pieces) {
    uint64_t size = 0, crc = 0;
    for (const std::string_view piece : pieces) {
        crc = crc32_z(crc, reinterpret_cast<const Bytef*>(piece.data()), piece.size());
        size += piece.size();
    }
    const Entry entry = {name, static_cast<uint32_t>(crc), static_cast<uint32_t>(size), static_cast<uint32_t>(place_)};
    const std::string extra = padding(place_ + kLocalHeaderBytes + name.size());
    std::string header = "PK\3\4";
    put(header, kVersion, 2);
    put_common(header, entry.crc, entry.size);
    put(header, name.size(), 2), put(header, extra.size(), 2);
    write(header + name + extra);
    for (const std::string_view piece : pieces) write(piece);
    entries_.push_back(entry);
}

void ZipWriter::commit() {
    const uint64_t begin = place_;
    for (const Entry& entry : entries_) {
        std::string header = "PK\1\2";
        put(header, kVersion, 2), put(header, kVersion, 2);
        put_common(header, entry.crc, entry.size);
        put(header, entry.name.size(), 2);
        put(header, 0, 2), put(header, 0, 2), put(header, 0, 8);  // extra, comment; disk and attributes
        put(header, entry.header, 4);
        write(header + entry.name);
    }
    check(entries_.size() < std::numeric_limits<uint16_t>::max(),
          "{} would have {} entries, more than a zip archive may", path_.string(), entries_.size());
    std::string end = "PK\5\6";
    put(end, 0, 4), put(end, entries_.size(), 2), put(end, entries_.size(), 2);
    put(end, place_ - begin, 4), put(end, begin, 4), put(end, 0, 2);
    write(end);
    file_.commit();
}

}  // namespace moco
