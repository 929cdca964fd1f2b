// CRC-32C, the checksum of TensorBoard's records and of the tensors in checkpoints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace moco {

/// CRC-32C (Castagnoli) of the bytes that `before` is the checksum of (0: none), followed by these. Some 6 GB/s where
/// the processor has an instruction for it, 2 GB/s elsewhere.
uint32_t crc32c(const void* bytes, size_t count, uint32_t before = 0);
/// The same without that instruction.
uint32_t crc32c_by_tables(const void* bytes, size_t count, uint32_t before = 0);

inline uint32_t crc32c(std::string_view bytes) {
    return crc32c(bytes.data(), bytes.size());
}

}  // namespace moco
