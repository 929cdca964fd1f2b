// The format: PKWARE's APPNOTE.TXT. At the end of the file stands the directory, which says where entries are.
#include "moco/interchange/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/error.h"

namespace moco {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50, kDirectoryHeader = 0x02014b50, kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50, kEnd64Locator = 0x07064b50;
constexpr uint64_t kLocalHeaderBytes = 30, kDirectoryHeaderBytes = 46, kEndBytes = 22, kEnd64Bytes = 56,
                   kLocatorBytes = 20;
constexpr uint64_t kLongestComment = 65535;
constexpr uint16_t kEncrypted = 1, kStored = 0, kDeflated = 8, kZip64Extra = 1;
constexpr uint64_t kMostEntries = 1'000'000;
// Deflate shrinks 1032 times at most; all of an archive unpacks to 64 times the file, but for small ones.
constexpr uint64_t kMostInflation = 1032, kMostInflationOfAll = 64, kSmall = 64 << 20;

bool is_absolute_or_leaves(std::string_view name) {
    if (name.starts_with('/') || name.find('\\') != name.npos || name.find('\0') != name.npos) return true;
    if (name.size() > 1 && name[1] == ':') return true;
    for (size_t begin = 0; begin <= name.size();) {
        const size_t end = std::min(name.find('/', begin), name.size());
        if (name.substr(begin, end - begin) == "..") return true;
        begin = end + 1;
    }
    return false;
}

/// The numbers of a zip64 extra field take the place of those that are all ones, in this order.
class Zip64Numbers {
  public:
    explicit Zip64Numbers(std::span<const uint8_t> extra) {
        while (extra.size() >= 4) {
            uint16_t id = 0, bytes = 0;
            std::memcpy(&id, extra.data(), 2);
            std::memcpy(&bytes, extra.data() + 2, 2);
            if (bytes > extra.size() - 4) return;
            if (id == kZip64Extra) left_ = extra.subspan(4, bytes);
            extra = extra.subspan(4u + bytes);
        }
    }
    uint64_t widened(uint32_t number, const std::string& path) {
        if (number != std::numeric_limits<uint32_t>::max()) return number;
        check(left_.size() >= 8, "{} is damaged: an entry of the zip archive lacks its 64-bit sizes", path);
        uint64_t wide = 0;
        std::memcpy(&wide, left_.data(), 8);
        left_ = left_.subspan(8);
        return wide;
    }

  private:
    std::span<const uint8_t> left_;
};

}  // namespace

bool looks_like_zip(std::span<const uint8_t> bytes) {
    return bytes.size() >= 4 && std::memcmp(bytes.data(), "PK\3\4", 4) == 0;
}

ZipArchive::ZipArchive(std::span<const uint8_t> bytes, std::string path) : bytes_(bytes), path_(std::move(path)) {
    read_entries(directory());
    check_names_and_places();
}

template <typename T>
T ZipArchive::number_at(uint64_t place) const {
    check(place <= bytes_.size() && bytes_.size() - place >= sizeof(T),
          "{} is damaged or truncated: its zip archive should have bytes at {}, the file has {}", path_, place,
          bytes_.size());
    T number;
    std::memcpy(&number, bytes_.data() + place, sizeof(T));
    return number;
}

ZipArchive::Directory ZipArchive::directory() const {
    const uint64_t size = bytes_.size();
    const uint64_t furthest = size > kEndBytes + kLongestComment ? size - kEndBytes - kLongestComment : 0;
    uint64_t end = size >= kEndBytes ? size - kEndBytes : 0;
    while (end > furthest && number_at<uint32_t>(end) != kEnd) --end;
    check(size >= kEndBytes && number_at<uint32_t>(end) == kEnd,
          "{} is truncated or no zip archive: the directory at its end is missing", path_);
    Directory found = {number_at<uint32_t>(end + 16), number_at<uint32_t>(end + 12), number_at<uint16_t>(end + 10)};
    if (end >= kLocatorBytes && number_at<uint32_t>(end - kLocatorBytes) == kEnd64Locator) {
        const auto end64 = number_at<uint64_t>(end - kLocatorBytes + 8);
        check(end64 <= size && size - end64 >= kEnd64Bytes && number_at<uint32_t>(end64) == kEnd64,
              "{} is damaged: the 64-bit end of its zip directory is not at byte {}", path_, end64);
        found = {number_at<uint64_t>(end64 + 48), number_at<uint64_t>(end64 + 40), number_at<uint64_t>(end64 + 32)};
        end = end64;
    }
    check(found.begin <= end && found.bytes <= end - found.begin,
          "{} is damaged: its zip directory of {} bytes at {} does not lie before its end at {}", path_, found.bytes,
          found.begin, end);
    check(found.entries <= kMostEntries && found.entries <= found.bytes / kDirectoryHeaderBytes,
          "{} is damaged: its zip directory of {} bytes cannot hold {} entries", path_, found.bytes, found.entries);
    return found;
}

void ZipArchive::read_entries(const Directory& directory) {
    uint64_t place = directory.begin;
    const uint64_t end = directory.begin + directory.bytes;
    for (uint64_t i = 0; i < directory.entries; ++i) {
        check(end - place >= kDirectoryHeaderBytes && number_at<uint32_t>(place) == kDirectoryHeader,
              "{} is damaged: entry {} of its zip directory is not at byte {}", path_, i, place);
        const auto flags = number_at<uint16_t>(place + 8), method = number_at<uint16_t>(place + 10);
        const uint64_t name = number_at<uint16_t>(place + 28), extra = number_at<uint16_t>(place + 30);
        const uint64_t all = kDirectoryHeaderBytes + name + extra + number_at<uint16_t>(place + 32);
        check(all <= end - place, "{} is damaged: entry {} of its zip directory reaches beyond it", path_, i);
        ZipEntry entry;
        entry.name.assign(reinterpret_cast<const char*>(bytes_.data()) + place + kDirectoryHeaderBytes, name);
        check((flags & kEncrypted) == 0, "{}: the zip entry {} is encrypted", path_, entry.name);
        check(method == kStored || method == kDeflated,
              "{}: the zip entry {} is packed by method {}; expected 0 (stored) or 8 (deflated)", path_, entry.name,
              method);
        Zip64Numbers wide(bytes_.subspan(place + kDirectoryHeaderBytes + name, extra));
        entry.deflated = method == kDeflated;
        entry.crc = number_at<uint32_t>(place + 16);
        entry.size = wide.widened(number_at<uint32_t>(place + 24), path_);
        entry.stored = wide.widened(number_at<uint32_t>(place + 20), path_);
        entry.header = wide.widened(number_at<uint32_t>(place + 42), path_);
        find_bytes(entry, directory.begin);
        entries_.push_back(std::move(entry));
        place += all;
    }
}

/// `end`: where the directory begins.
void ZipArchive::find_bytes(ZipEntry& entry, uint64_t end) const {
    check(entry.header < end && end - entry.header >= kLocalHeaderBytes &&
              number_at<uint32_t>(entry.header) == kLocalHeader,
          "{} is damaged: the zip entry {} does not begin at byte {}", path_, entry.name, entry.header);
    const uint64_t name = number_at<uint16_t>(entry.header + 26), extra = number_at<uint16_t>(entry.header + 28);
    entry.begin = entry.header + kLocalHeaderBytes + name + extra;
    check(entry.begin <= end && entry.stored <= end - entry.begin,
          "{} is damaged: the {} bytes of the zip entry {} at {} reach beyond those of the archive, {}", path_,
          entry.stored, entry.name, entry.begin, end);
    const std::string_view local(reinterpret_cast<const char*>(bytes_.data()) + entry.header + kLocalHeaderBytes, name);
    check(local == entry.name && number_at<uint16_t>(entry.header + 8) == (entry.deflated ? kDeflated : kStored),
          "{} is damaged: the zip entry {} has another name or method in its own header", path_, entry.name);
    check(entry.deflated || entry.stored == entry.size,
          "{} is damaged: the zip entry {} is stored as {} bytes and should have {}", path_, entry.name, entry.stored,
          entry.size);
    check(entry.size / kMostInflation <= entry.stored, "{}: the {} bytes of the zip entry {} cannot unpack to {}",
          path_, entry.stored, entry.name, entry.size);
}

void ZipArchive::check_names_and_places() {
    std::vector<const ZipEntry*> in_file;
    uint64_t inflated = 0;
    for (size_t i = 0; i < entries_.size(); ++i) {
        const ZipEntry& entry = entries_[i];
        check(!is_absolute_or_leaves(entry.name), "{}: the zip entry '{}' has a name that leads out of the archive",
              path_, entry.name);
        check(index_.emplace(entry.name, i).second, "{}: the zip entry {} is there twice", path_, entry.name);
        in_file.push_back(&entry);
        if (entry.deflated) inflated += std::min(entry.size, uint64_t{1} << 40);
    }
    check(inflated <= kSmall || inflated / kMostInflationOfAll <= bytes_.size(),
          "{}: its {} bytes would unpack to {}, which no file of weights does", path_, bytes_.size(), inflated);
    std::sort(in_file.begin(), in_file.end(),
              [](const ZipEntry* a, const ZipEntry* b) { return a->header < b->header; });
    for (size_t i = 1; i < in_file.size(); ++i) {
        check(in_file[i - 1]->begin + in_file[i - 1]->stored <= in_file[i]->header,
              "{}: the zip entries {} and {} overlap", path_, in_file[i - 1]->name, in_file[i]->name);
    }
}

const ZipEntry* ZipArchive::find(const std::string& name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &entries_[found->second];
}

std::vector<uint8_t> ZipArchive::inflated(const ZipEntry& entry) const {
    constexpr uint64_t kPiece = 1 << 30;       // zlib counts in 32 bits
    std::vector<uint8_t> out(entry.size + 1);  // a byte more: an entry that unpacks to more is noticed
    z_stream stream = {};
    check(inflateInit2(&stream, -MAX_WBITS) == Z_OK, "{}: zlib cannot start", path_);
    uint64_t in_left = entry.stored, out_left = out.size();
    stream.next_in = const_cast<Bytef*>(bytes_.data() + entry.begin);
    stream.next_out = out.data();
    int status = Z_OK;
    while (status == Z_OK && out_left > 0) {
        const auto in = static_cast<uInt>(std::min(in_left, kPiece)),
                   room = static_cast<uInt>(std::min(out_left, kPiece));
        stream.avail_in = in;
        stream.avail_out = room;
        status = inflate(&stream, Z_NO_FLUSH);
        in_left -= in - stream.avail_in;
        out_left -= room - stream.avail_out;
    }
    inflateEnd(&stream);
    check(status == Z_STREAM_END && out_left == 1, "{} is damaged: the zip entry {} does not unpack to its {} bytes",
          path_, entry.name, entry.size);
    out.pop_back();
    check(crc32_z(0, out.data(), out.size()) == entry.crc,
          "{} is damaged: the zip entry {} unpacks to bytes with another checksum", path_, entry.name);
    return out;
}

void ZipArchive::check_crc(const ZipEntry& entry) const {
    check(crc32_z(0, bytes_.data() + entry.begin, entry.stored) == entry.crc,
          "{} is damaged: the bytes of the zip entry {} have another checksum", path_, entry.name);
}

}  // namespace moco
