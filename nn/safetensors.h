// Files of named tensors in the safetensors format: 8 bytes of header length (little endian), a JSON header with each
// tensor's dtype, shape and place, then the elements (docs/file-formats.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "nn/safetensors_checksums.h"
#include "nn/tensor_file.h"

namespace moco {

/// A safetensors file open for reading: its metadata is the header's "__metadata__", its entries stand in the order of
/// their bytes, begin is counted from the start of the elements. Only the header is held in memory; elements are read
/// when asked for. Wrong are: no safetensors file, a truncated one, a header that is no JSON or contradicts itself,
/// tensors that overlap or leave gaps, duplicate names, an unknown dtype.
class SafetensorsFile final : public TensorFile {
  public:
    explicit SafetensorsFile(std::filesystem::path path);
    ~SafetensorsFile() override;

    /// Throws Error where the metadata has checksums and the tensor's is another. All other reads go through this one.
    void read(const TensorEntry& entry, void* target) const override;

  private:
    void read_header();
    void read_at(uint64_t offset, void* target, size_t bytes) const;

    int file_ = -1;
    uint64_t data_begin_ = 0;
    std::optional<Checksums> sums_;
};

/// Whether the metadata of a written file gets a CRC-32C a tensor (docs/file-formats.md).
enum class WithChecksums { no, yes };

/// Writes a file atomically (nn/atomic_file.h). The same contents give the same bytes: the header is sorted by name,
/// the elements stand with wider types first, in the items' order otherwise. Throws Error on a duplicate name, on
/// elements that do not fill their shape, and when the file cannot be written.
void write_safetensors(const std::filesystem::path& path, const Metadata& metadata,
                       const std::vector<TensorItem>& items, WithChecksums checksums = WithChecksums::no);

}  // namespace moco
