// The checksum's known answers, by the instruction and by tables, and in pieces.
#include "core/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace moco::testing {
namespace {

TEST(Crc32c, HasItsKnownAnswers) {
    struct Row {
        std::string bytes;
        uint32_t crc;
    };
    std::string ascending, descending;
    for (int i = 0; i < 32; ++i) ascending += static_cast<char>(i), descending += static_cast<char>(31 - i);
    // RFC 3720, B.4, and the check value of the catalogues.
    const Row rows[] = {{std::string(32, '\0'), 0x8a9136aau},
                        {std::string(32, '\xff'), 0x62a8ab43u},
                        {ascending, 0x46dd794eu},
                        {descending, 0x113fdb5cu},
                        {"123456789", 0xe3069283u},
                        {"", 0u}};
    for (const Row& row : rows) {
        EXPECT_EQ(crc32c(row.bytes), row.crc);
        EXPECT_EQ(crc32c_by_tables(row.bytes.data(), row.bytes.size()), row.crc);
    }
}

TEST(Crc32c, PiecesAndBothWaysGiveTheSame) {
    std::string bytes;
    for (int i = 0; i < 100; ++i) bytes += static_cast<char>(i * i * 7 + 3);
    for (size_t count = 0; count <= bytes.size(); ++count) {
        const uint32_t whole = crc32c(bytes.data(), count);
        EXPECT_EQ(crc32c_by_tables(bytes.data(), count), whole) << count;
        const size_t cut = count / 3;
        EXPECT_EQ(crc32c(bytes.data() + cut, count - cut, crc32c(bytes.data(), cut)), whole) << count;
    }
}

}  // namespace
}  // namespace moco::testing
