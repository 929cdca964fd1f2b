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

std::string joined(const std::vector<std::string>& parts) {
    std::string all;
    for (const std::string& part : parts) all.append(part);
    return all;
}
std::string length_of(const std::string& bytes) {
    return std::string(1, static_cast<char>(bytes.size()));
}
/// A number of 64 bits as it lies in the file.
std::string fixed(double value) {
    std::string bytes(sizeof(value), '\0');
    std::memcpy(bytes.data(), &value, sizeof(value));
    return bytes;
}

TEST(TensorBoard, RecordsHoldHistograms) {
    const TempFolder folder;
    std::filesystem::path path;
    {
        EventWriter events(folder.path());
        path = events.path();
        events.histogram(3, {"x", "s/x", -1, 1, {4, 1}, -0.5, 0.75, -0.25, 1.5});
        events.flush();
    }
    const std::vector<std::string> records = read_records(read_bytes(path));
    ASSERT_EQ(records.size(), 2u);
    // Fields 1 to 5 (fixed64): min, max, num, sum, sum_squares; 6 and 7 (packed): upper limits and counts of the bins.
    const std::string histogram =
        joined({"\x09", fixed(-0.5), "\x11", fixed(0.75), "\x19", fixed(5), "\x21", fixed(-0.25), "\x29", fixed(1.5),
                "\x32\x10", fixed(0), fixed(1), "\x3a\x10", fixed(4), fixed(1)});
    // step; summary (field 5) { value (1) { tag (1), histo (5) } }.
    const std::string value = joined({"\x0a\x03s/x\x2a", length_of(histogram), histogram});
    const std::string summary = joined({"\x0a", length_of(value), value});
    EXPECT_EQ(records[1].substr(9), joined({"\x10\x03\x2a", length_of(summary), summary}));
}

TEST(TensorBoard, DiagnosticsAreDrawnOverSteps) {
    const TempFolder folder;
    DiagnosticsReport report;
    report.step = 40;
    report.values.push_back({"rank", "queue/rank", "rank", 3, ValueName::Unit::plain});
    report.series.push_back({"consistency", "age", "keys/consistency", {1, 16}, {0.9, 0.5}});
    report.series.push_back({"spectrum", "number", "", {1, 2}, {0.7, 0.3}});  // has no place there
    TensorBoard(folder.path()).diagnosed(report);
    const std::vector<std::string> records = read_records(read_bytes(event_file(folder.path())));
    ASSERT_EQ(records.size(), 4u);
    for (size_t i = 0; i < 3; ++i) {
        const char* tag = i == 0 ? "queue/rank" : i == 1 ? "keys/consistency/1" : "keys/consistency/16";
        EXPECT_NE(records[i + 1].find(tag), std::string::npos) << tag;
    }
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
