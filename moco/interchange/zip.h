// Zip archives, mapped: what torch.save and NumPy's savez write.
//
// Stored and deflated entries, zip64 too. The whole directory is checked before the first entry is read.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace moco {

struct ZipEntry {
    std::string name;
    bool deflated = false;
    uint32_t crc = 0;
    uint64_t header = 0;  // where its local header begins
    uint64_t begin = 0;   // of its bytes in the file
    uint64_t stored = 0;  // bytes in the file
    uint64_t size = 0;    // bytes unpacked
};

/// Whether `bytes` begin as a zip archive does.
bool looks_like_zip(std::span<const uint8_t> bytes);

/// An archive in memory, which must outlive it. Throws Error naming `path` on what no honest archive holds: entries
/// that overlap or lie outside the file, names that are twice there, absolute or with "..", local headers that
/// contradict the directory, encryption, and sizes that the bytes cannot unpack to. Reads may come from several
/// threads.
class ZipArchive {
  public:
    ZipArchive(std::span<const uint8_t> bytes, std::string path);

    const std::vector<ZipEntry>& entries() const { return entries_; }
    /// Null if there is none of that name.
    const ZipEntry* find(const std::string& name) const;

    /// A stored entry's bytes, in the mapping itself.
    std::span<const uint8_t> stored_bytes(const ZipEntry& entry) const {
        return bytes_.subspan(entry.begin, entry.stored);
    }
    /// A deflated entry unpacked. Throws Error where it unpacks to another size or another checksum.
    std::vector<uint8_t> inflated(const ZipEntry& entry) const;
    /// Throws Error unless a stored entry's checksum is the directory's.
    void check_crc(const ZipEntry& entry) const;

  private:
    struct Directory {
        uint64_t begin, bytes, entries;
    };
    Directory directory() const;
    void read_entries(const Directory& directory);
    void find_bytes(ZipEntry& entry, uint64_t end) const;
    void check_names_and_places();
    template <typename T>
    T number_at(uint64_t place) const;

    std::span<const uint8_t> bytes_;
    std::string path_;
    std::vector<ZipEntry> entries_;
    std::unordered_map<std::string, size_t> index_;
};

}  // namespace moco
