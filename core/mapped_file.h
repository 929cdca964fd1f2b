// A file mapped into memory for reading.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace moco {

/// Pages are read when they are touched. The file must not shrink meanwhile. Movable, not copyable; thread-safe.
class MappedFile {
  public:
    /// Throws Error naming `path`, with `remedy` at the end of the sentence, when it cannot be opened or is empty.
    MappedFile(const std::string& path, const std::string& remedy);
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&&) = delete;
    ~MappedFile();
    std::span<const uint8_t> bytes() const { return {data_, size_}; }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
    const uint8_t* data_ = nullptr;
    size_t size_ = 0;
};

}  // namespace moco
