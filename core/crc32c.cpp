// By the processor's own instruction where it has one (x86-64), else sliced by 16: sixteen bytes a round, each through
// a table of its own, so that the look-ups do not wait for each other.
#include "core/crc32c.h"

#include <array>
#include <cstring>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace moco {
namespace {

using Bytes = const unsigned char*;
constexpr size_t kSlices = 16;
using Tables = std::array<std::array<uint32_t, 256>, kSlices>;

/// tables[s][b]: what the byte b does to the checksum when s more bytes follow it.
constexpr Tables kTables = [] {
    Tables tables{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
        tables[0][i] = crc;
    }
    for (size_t s = 1; s < kSlices; ++s) {
        for (size_t i = 0; i < 256; ++i) {
            tables[s][i] = tables[s - 1][i] >> 8 ^ tables[0][tables[s - 1][i] & 0xff];
        }
    }
    return tables;
}();

/// What the four bytes of a little-endian word do when `after` bytes follow the last of them.
uint32_t word_through(uint32_t word, size_t after) {
    return kTables[after + 3][word & 0xff] ^ kTables[after + 2][word >> 8 & 0xff] ^
           kTables[after + 1][word >> 16 & 0xff] ^ kTables[after][word >> 24];
}

#if defined(__x86_64__)
bool has_instruction() {
    return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) uint32_t by_instruction(Bytes next, size_t count, uint32_t crc) {
    uint64_t wide = crc;
    for (; count >= sizeof(wide); count -= sizeof(wide), next += sizeof(wide)) {
        uint64_t word;
        std::memcpy(&word, next, sizeof(word));
        wide = _mm_crc32_u64(wide, word);
    }
    crc = static_cast<uint32_t>(wide);
    for (; count > 0; --count, ++next) crc = _mm_crc32_u8(crc, *next);
    return crc;
}
#else
bool has_instruction() {
    return false;
}

uint32_t by_instruction(Bytes, size_t, uint32_t crc) {
    return crc;
}
#endif

}  // namespace

uint32_t crc32c_by_tables(const void* bytes, size_t count, uint32_t before) {
    auto next = static_cast<Bytes>(bytes);
    uint32_t crc = ~before;
    for (; count >= kSlices; count -= kSlices, next += kSlices) {
        std::array<uint32_t, 4> words;
        std::memcpy(words.data(), next, kSlices);
        crc = word_through(words[0] ^ crc, 12) ^ word_through(words[1], 8) ^ word_through(words[2], 4) ^
              word_through(words[3], 0);
    }
    for (; count > 0; --count, ++next) crc = kTables[0][(crc ^ *next) & 0xff] ^ crc >> 8;
    return ~crc;
}

uint32_t crc32c(const void* bytes, size_t count, uint32_t before) {
    if (!has_instruction()) return crc32c_by_tables(bytes, count, before);
    return ~by_instruction(static_cast<Bytes>(bytes), count, ~before);
}

}  // namespace moco
