// Event files: the checksum's known answers, and records read back field by field.
#include "moco/train/tensorboard.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

TEST(TensorBoard, ChecksumsAreMasked) {
    // The mask: rotated right by 15, plus a constant.
    EXPECT_EQ(masked_crc32c("123456789"), ((0xe3069283u >> 15) | (0xe3069283u << 17)) + 0xa282ead8u);
}

template <typename T>
T take(const std::string& bytes, size_t& at) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    at += sizeof(T);
    return value;
}

/// The payloads of a record file; every checksum is verified.
std::vector<std::string> read_records(const std::string& bytes) {
    std::vector<std::string> records;
    for (size_t at = 0; at < bytes.size();) {
        const size_t start = at;
        const auto length = take<uint64_t>(bytes, at);
        EXPECT_EQ(take<uint32_t>(bytes, at), masked_crc32c(bytes.substr(start, 8)));
        records.push_back(bytes.substr(at, length));
        at += length;
        EXPECT_EQ(take<uint32_t>(bytes, at), masked_crc32c(records.back()));
    }
    return records;
}

TEST(TensorBoard, RecordsHoldTheScalars) {
    const TempFolder folder;
    std::filesystem::path path;
    {
        EventWriter events(folder.path());
        path = events.path();
        events.scalar("train/loss", 300, 0.5);
        events.flush();
    }
    EXPECT_TRUE(path.filename().string().starts_with("events.out.tfevents."));
    const std::vector<std::string> records = read_records(read_bytes(path));
    ASSERT_EQ(records.size(), 2u);

    // wall_time (field 1, fixed64), file_version (field 3, 13 bytes).
    EXPECT_EQ(records[0][0], 0x09);
    EXPECT_EQ(records[0].substr(9),
              "\x1a\x0d"
              "brain.Event:2");
    // wall_time; step (field 2, varint 300 = ac 02); summary (field 5) { value (1) { tag (1), simple_value (2) } }.
    EXPECT_EQ(records[1][0], 0x09);
    const std::string expected =
        std::string("\x10\xac\x02\x2a\x13\x0a\x11\x0a\x0atrain/loss\x15") + std::string("\0\0\0\x3f", 4);
    EXPECT_EQ(records[1].substr(9), expected);
}

/// The only event file of a folder.
std::filesystem::path event_file(const std::filesystem::path& folder) {
    return std::filesystem::directory_iterator(folder)->path();
}

// TensorBoard drops the points of other files from the step of a session's start on: those that a killed process wrote
// after its last checkpoint and that the resumed one writes again.
TEST(TensorBoard, ARunBeginsWithASessionAtItsFirstStep) {
    const TempFolder folder;
    RunPlan plan;
    plan.first_step = 300;
    TensorBoard(folder.path()).run_starts(plan);
    const std::vector<std::string> records = read_records(read_bytes(event_file(folder.path())));
    ASSERT_EQ(records.size(), 2u);
    // step (field 2, varint 300 = ac 02); session_log (field 7) { status (1) = START (1) }.
    EXPECT_EQ(records[1].substr(9), "\x10\xac\x02\x3a\x02\x08\x01");
}

}  // namespace
}  // namespace moco::testing
