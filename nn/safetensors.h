// Files of named tensors in the safetensors format: 8 bytes of header length (little endian), a JSON header with each
// tensor's dtype, shape and place, then the elements (docs/file-formats.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "nn/safetensors_checksums.h"

namespace moco {

/// The element types this project reads and writes; f16, f64 and i32 occur in foreign files only.
enum class FileDType : uint8_t { f64, f32, f16, bf16, i64, i32, u8 };

/// "F32", "BF16", ...: the format's own names.
std::string_view name_of(FileDType dtype);
/// Bytes of one element.
size_t size_of(FileDType dtype);

using Metadata = std::map<std::string, std::string>;

/// A tensor as the file's header describes it.
struct SafetensorsEntry {
    std::string name;
    FileDType dtype = FileDType::f32;
    std::vector<int64_t> shape;  // {} is a scalar
    uint64_t begin = 0;          // first byte, counted from the start of the elements
    uint64_t bytes = 0;

    int64_t count() const;
};

/// A safetensors file open for reading. Only the header is held in memory; elements are read when asked for. The
/// constructor and every read throw Error with one sentence naming the file when something is wrong with it: not a
/// safetensors file, truncated, a header that is no JSON or contradicts itself, tensors that overlap or leave gaps,
/// duplicate names, an unknown dtype. Reads may come from several threads.
class SafetensorsFile {
  public:
    explicit SafetensorsFile(std::filesystem::path path);
    SafetensorsFile(const SafetensorsFile&) = delete;
    SafetensorsFile& operator=(const SafetensorsFile&) = delete;
    ~SafetensorsFile();

    const std::filesystem::path& path() const { return path_; }
    /// The header's "__metadata__"; empty where it has none.
    const Metadata& metadata() const { return metadata_; }
    /// All tensors in the order of their bytes in the file.
    const std::vector<SafetensorsEntry>& entries() const { return entries_; }
    /// Null if there is no tensor of that name.
    const SafetensorsEntry* find(const std::string& name) const;
    /// Throws Error if there is none.
    const SafetensorsEntry& at(const std::string& name) const;

    /// The elements as the file has them: entry.bytes bytes into `target`. Throws Error where the metadata has
    /// checksums and the tensor's is another. All other reads go through this one.
    void read(const SafetensorsEntry& entry, void* target) const;
    /// f32, f16, bf16 and f64 as f32; Error for other types.
    std::vector<float> read_floats(const SafetensorsEntry& entry) const;
    /// i64, i32 and u8 as i64; Error for other types.
    std::vector<int64_t> read_integers(const SafetensorsEntry& entry) const;

  private:
    void read_header();
    void read_at(uint64_t offset, void* target, size_t bytes) const;

    std::filesystem::path path_;
    int file_ = -1;
    uint64_t data_begin_ = 0;
    Metadata metadata_;
    std::vector<SafetensorsEntry> entries_;
    std::unordered_map<std::string, size_t> index_;
    std::optional<Checksums> sums_;
};

/// A tensor to be written. `elements` is called once, when its turn comes, so that only one tensor at a time has a copy
/// on the host.
struct SafetensorsItem {
    std::string name;
    FileDType dtype = FileDType::f32;
    std::vector<int64_t> shape;
    std::function<std::vector<std::byte>()> elements;
};

/// Whether the metadata of a written file gets a CRC-32C a tensor (docs/file-formats.md).
enum class WithChecksums { no, yes };

/// Writes a file atomically (nn/atomic_file.h). The same contents give the same bytes: the header is sorted by name,
/// the elements stand with wider types first, in the items' order otherwise. Throws Error on a duplicate name, on
/// elements that do not fill their shape, and when the file cannot be written.
void write_safetensors(const std::filesystem::path& path, const Metadata& metadata,
                       const std::vector<SafetensorsItem>& items, WithChecksums checksums = WithChecksums::no);

}  // namespace moco
