// Zip archives that no honest program writes.
#include "moco/interchange/zip.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/support/expect_error.h"

namespace moco::testing {
namespace {

struct Entry {
    std::string name, bytes;  // as they stand in the file
    uint16_t method = 0, flags = 0;
    uint32_t size = 0;                // 0: as many as bytes
    std::string name_in_header = "";  // "": the same
    int64_t begins_at = -1;           // -1: where it does
};

void put(std::string& to, uint64_t number, size_t bytes) {
    to.append(reinterpret_cast<const char*>(&number), bytes);
}

std::string zip_of(const std::vector<Entry>& entries) {
    std::string file, directory;
    for (const Entry& e : entries) {
        const std::string& local = e.name_in_header.empty() ? e.name : e.name_in_header;
        const uint64_t begin = e.begins_at < 0 ? file.size() : static_cast<uint64_t>(e.begins_at);
        const auto size = e.size ? e.size : static_cast<uint32_t>(e.bytes.size());
        const auto crc = static_cast<uint32_t>(
            crc32(0, reinterpret_cast<const Bytef*>(e.bytes.data()), static_cast<uInt>(e.bytes.size())));
        if (e.begins_at < 0) {
            file += "PK\3\4";
            put(file, 20, 2), put(file, e.flags, 2), put(file, e.method, 2), put(file, 0, 4), put(file, crc, 4);
            put(file, e.bytes.size(), 4), put(file, size, 4), put(file, local.size(), 2), put(file, 0, 2);
            file += local + e.bytes;
        }
        directory += "PK\1\2";
        put(directory, 20, 2), put(directory, 20, 2), put(directory, e.flags, 2), put(directory, e.method, 2);
        put(directory, 0, 4), put(directory, crc, 4), put(directory, e.bytes.size(), 4), put(directory, size, 4);
        put(directory, e.name.size(), 2), put(directory, 0, 2), put(directory, 0, 2), put(directory, 0, 8);
        put(directory, begin, 4);
        directory += e.name;
    }
    const size_t begin = file.size();
    file += directory + "PK\5\6";
    put(file, 0, 4), put(file, entries.size(), 2), put(file, entries.size(), 2);
    put(file, directory.size(), 4), put(file, begin, 4), put(file, 0, 2);
    return file;
}

ZipArchive open(const std::string& file) {
    return {{reinterpret_cast<const uint8_t*>(file.data()), file.size()}, "x.zip"};
}

void expect_refused(const std::vector<Entry>& entries, std::initializer_list<std::string> parts) {
    const std::string file = zip_of(entries);
    expect_error([&] { open(file); }, parts);
}

TEST(Zip, AnHonestArchiveIsRead) {
    const std::string file = zip_of({{"a/b", "hello"}, {"c", ""}});
    const ZipArchive archive = open(file);
    ASSERT_NE(archive.find("a/b"), nullptr);
    const auto bytes = archive.stored_bytes(*archive.find("a/b"));
    EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "hello");
    archive.check_crc(*archive.find("a/b"));
    EXPECT_EQ(archive.find("b"), nullptr);
}

TEST(Zip, NamesThatLeadOutOfTheArchiveAreRefused) {
    for (const std::string name : {"../x", "a/../../x", "/etc/passwd", "C:/x", "a\\b", ".."}) {
        expect_refused({{name, "x"}}, {"x.zip", name, "leads out"});
    }
    expect_refused({{"a", "x"}, {"a", "y"}}, {"a is there twice"});
    expect_refused({{.name = "a", .bytes = "x", .name_in_header = "b"}}, {"another name"});
}

TEST(Zip, EntriesThatOverlapOrLieOutsideAreRefused) {
    expect_refused({{"aa", "hello"}, {.name = "aa2", .bytes = "hello", .begins_at = 0}}, {"x.zip"});
    expect_refused({{"a", "PK\3\4 and what follows, thirty bytes"}, {.name = "b", .bytes = "x", .begins_at = 31}},
                   {"x.zip"});
    expect_refused({{.name = "a", .bytes = "x", .begins_at = 5000}}, {"a does not begin at byte 5000"});
    expect_refused({{.name = "a", .bytes = "x", .size = 7}}, {"stored as 1 bytes and should have 7"});
    expect_refused({{.name = "a", .bytes = "x", .flags = 1}}, {"encrypted"});
    expect_refused({{.name = "a", .bytes = "x", .method = 12}}, {"method 12"});
    const std::string file = zip_of({{"a", "x"}});
    for (size_t length = 0; length < file.size(); ++length) {
        const std::string cut = file.substr(0, length);
        expect_error([&] { open(cut); }, {"x.zip"});
    }
}

TEST(Zip, BombsAreRefused) {
    expect_refused({{.name = "a", .bytes = "xy", .method = 8, .size = 4'000'000'000u}},
                   {"cannot unpack to 4000000000"});
    std::vector<Entry> many;
    for (int i = 0; i < 30; ++i) {
        many.push_back({.name = std::to_string(i), .bytes = std::string(4000, 'x'), .method = 8, .size = 4'000'000});
    }
    expect_refused(many, {"would unpack to 120000000"});
    const std::string file = zip_of({{.name = "a", .bytes = "not deflated at all", .method = 8, .size = 100}});
    const ZipArchive archive = open(file);
    expect_error([&] { archive.inflated(*archive.find("a")); }, {"x.zip", "a does not unpack to its 100 bytes"});
}

}  // namespace
}  // namespace moco::testing
