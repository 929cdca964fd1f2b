// Zip archives of stored entries, each beginning at a multiple of 64 bytes, so that readers may map them.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "nn/atomic_file.h"

namespace moco {

/// In place after commit() (nn/atomic_file.h). Throws Error naming the file when it cannot be written or would be
/// larger than 4 GiB.
class ZipWriter {
  public:
    explicit ZipWriter(std::filesystem::path path) : file_(path), path_(std::move(path)) {}

    /// `pieces` one after the other.
    void add(const std::string& name, std::span<const std::string_view> pieces);
    void add(const std::string& name, std::string_view bytes) { add(name, std::span(&bytes, 1)); }
    void commit();

  private:
    struct Entry {
        std::string name;
        uint32_t crc, size, header;
    };
    void write(std::string_view bytes);

    AtomicFile file_;
    std::filesystem::path path_;
    uint64_t place_ = 0;
    std::vector<Entry> entries_;
};

}  // namespace moco
