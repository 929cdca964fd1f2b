// Checksums in a safetensors file's metadata. Internal to nn/safetensors.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace moco {

/// A CRC-32C a tensor. As text, the value of the key "crc32c": a line "HEX NAME" each, of eight digits, in the order of
/// the names.
class Checksums {
  public:
    using Metadata = std::map<std::string, std::string>;

    static constexpr const char* kKey = "crc32c";

    /// What a file's metadata holds; nothing where it has no checksums. Throws Error naming `path` if they cannot be
    /// read.
    static std::optional<Checksums> in(const Metadata& metadata, const std::string& path);

    void set(const std::string& name, uint32_t sum) { sums_[name] = sum; }
    std::string text() const;
    /// Throws Error naming `path` and the tensor if `sum` is not the one that is known.
    void check_tensor(const std::string& name, uint32_t sum, const std::string& path) const;

  private:
    std::map<std::string, uint32_t> sums_;
};

}  // namespace moco
