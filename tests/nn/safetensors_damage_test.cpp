// Safetensors files that are not what they should be: always one sentence, never a crash.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "nn/safetensors.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

/// A file with this header and `data_bytes` bytes of elements.
std::string file_bytes(const std::string& header, size_t data_bytes) {
    const uint64_t length = header.size();
    std::string bytes(sizeof(length), '\0');
    std::memcpy(bytes.data(), &length, sizeof(length));
    return bytes + header + std::string(data_bytes, '\1');
}

/// Opens the file and reads everything in it.
void read_all(const std::filesystem::path& path) {
    const SafetensorsFile file(path);
    for (const TensorEntry& entry : file.entries()) {
        std::vector<std::byte> bytes(entry.bytes);
        file.read(entry, bytes.data());
    }
}

TEST(DamagedSafetensors, EachFaultIsNamedInOneSentence) {
    struct Fault {
        std::string header;
        size_t data_bytes;
        std::string said;
    };
    const std::string good = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
    const Fault faults[] = {
        {"", 0, "not JSON"},
        {"nonsense", 0, "not JSON"},
        {R"({"a":{)" + good + "}", 8, "not JSON"},
        {"{\"a\xff\":{" + good + "}}", 8, "not JSON"},
        {"[1,2]", 0, "no JSON object"},
        {R"({"a":[[[[[[[[[[1]]]]]]]]]]})", 0, "nested too deeply"},
        {R"({"a":7})", 0, "lacks dtype"},
        {R"({"a":{"shape":[2],"data_offsets":[0,8]}})", 8, "lacks dtype"},
        {R"({"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}})", 8, "of the wrong kind"},
        {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}})", 8, "of the wrong kind"},
        {R"({"a":{"dtype":"C128","shape":[2],"data_offsets":[0,8]}})", 8, "C128"},
        {R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8, "-2"},
        {R"({"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}})", 8, "2.5"},
        {R"({"a":{"dtype":"F32","shape":["x"],"data_offsets":[0,8]}})", 8, "\"x\""},
        {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8, "does not take the 8 bytes"},
        {R"({"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}})", 8, "does not take the 8 bytes"},
        {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0, "does not take"},
        {R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}})", 8, "an extent of"},
        {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "damaged or truncated"},
        {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7, "damaged or truncated"},
        {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12, "begins at byte 4"},
        {R"({"a":{)" + good + "}}", 9, "take 8 bytes, but 9 follow"},
        {R"({"a":{)" + good + R"(},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12, "begins at byte 4"},
        {R"({"a":{)" + good + R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})", 16, "begins at byte 12"},
        {R"({"a":{)" + good + R"(},"a":{)" + good + "}}", 8, "key a twice"},
        {R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8, "key dtype twice"},
        {R"({"__metadata__":{"x":1}})", 0, "metadata 'x'"},
        {R"({"__metadata__":[]})", 0, "__metadata__"},
    };
    TempFolder folder;
    const std::filesystem::path path = folder / "broken.safetensors";
    write_bytes(path, file_bytes(R"({"a":{)" + good + "}}  ", 8));
    EXPECT_NO_THROW(read_all(path)) << "the faults below are faults of this";
    for (const Fault& fault : faults) {
        write_bytes(path, file_bytes(fault.header, fault.data_bytes));
        SCOPED_TRACE(fault.header);
        expect_error([&] { read_all(path); }, {path.string(), fault.said});
    }
}

TEST(DamagedSafetensors, FilesThatAreNone) {
    TempFolder folder;
    const std::filesystem::path path = folder / "f";
    expect_error([&] { read_all(path); }, {path.string(), "No such file"});
    expect_error([&] { read_all(folder.path()); }, {folder.path().string(), "not a regular file"});
    for (const std::string& bytes :
         {std::string(), std::string(7, '\0'), std::string(16, '\xff'),
          std::string("PK\3\4 a zip archive, say a .pth.tar"), file_bytes("{}", 0).substr(0, 9)}) {
        write_bytes(path, bytes);
        expect_error([&] { read_all(path); }, {path.string(), "not a safetensors file"});
    }
}

TEST(DamagedSafetensors, TruncatedAtAnyByteIsAnError) {
    TempFolder folder;
    const std::filesystem::path path = folder / "f";
    for (const char* name : {"nn.ours.safetensors", "nn.foreign.safetensors"}) {
        const std::string whole = read_bytes(golden_path(name));
        write_bytes(path, whole);
        for (size_t size = whole.size(); size-- > 0;) {
            std::filesystem::resize_file(path, size);
            EXPECT_THROW(read_all(path), Error) << name << " cut to " << size << " bytes";
        }
    }
}

/// Replaces one byte in place.
void patch(const std::filesystem::path& path, size_t at, char byte) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at)).put(byte);
}

TEST(DamagedSafetensors, AFlippedBitIsAnErrorOrAnotherFile) {
    TempFolder folder;
    const std::filesystem::path path = folder / "f";
    const std::string whole = read_bytes(golden_path("nn.ours.safetensors"));
    uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, whole.data(), sizeof(header_bytes));
    write_bytes(path, whole);
    int errors = 0;
    for (size_t at = 0; at < sizeof(header_bytes) + header_bytes; ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            patch(path, at, static_cast<char>(whole[at] ^ 1 << bit));
            try {
                read_all(path);  // a name with another letter, say
            } catch (const Error&) {
                ++errors;
            }
        }
        patch(path, at, whole[at]);
    }
    EXPECT_EQ(read_bytes(path), whole);
    EXPECT_GT(errors, 2000) << "of 3456";
}

/// Three tensors and some metadata, with checksums.
void write_with_checksums(const std::filesystem::path& path) {
    const auto item = [](const std::string& name, FileDType dtype, int64_t count, unsigned first) {
        std::vector<std::byte> bytes(static_cast<size_t>(count) * size_of(dtype));
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(first++);
        return TensorItem{name, dtype, {count}, [bytes] { return bytes; }};
    };
    write_safetensors(
        path, {{"step", "17"}, {"bad", "\xff"}},
        {item("a", FileDType::f32, 5, 1), item("b.weight", FileDType::i64, 3, 9), item("none", FileDType::u8, 0, 0)},
        WithChecksums::yes);
}

TEST(DamagedSafetensors, WithChecksumsEveryFlippedBitOfTheElementsIsAnErrorThatNamesTheTensor) {
    const TempFolder folder;
    const std::filesystem::path path = folder / "f";
    write_with_checksums(path);
    EXPECT_NO_THROW(read_all(path)) << "the faults below are faults of this";
    const std::string whole = read_bytes(path);
    const size_t elements = 3 * 8 + 5 * 4, begin = whole.size() - elements;
    for (size_t at = begin; at < whole.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            patch(path, at, static_cast<char>(whole[at] ^ 1 << bit));
            expect_error([&] { read_all(path); },
                         {path.string(), "is damaged", at < begin + 24 ? "tensor b.weight" : "tensor a", "checksum"});
        }
        patch(path, at, whole[at]);
    }
}

TEST(DamagedSafetensors, ChecksumsThatCannotBeReadOrLackATensorAreErrors) {
    const TempFolder folder;
    const std::filesystem::path path = folder / "f";
    write_with_checksums(path);
    const std::string whole = read_bytes(path);
    const auto changed = [&](const std::string& from, const std::string& to) {  // as long as it is
        std::string bytes = whole;
        bytes.replace(bytes.find(from), from.size(), to);
        write_bytes(path, bytes);
        return message_of([&] { read_all(path); });
    };
    const std::string key = "\"crc32c\":\"", sum = whole.substr(whole.find(key) + key.size(), 8);
    EXPECT_NE(changed(" b.weight\\n", " c.weight\\n").find("none of tensor b.weight"), std::string::npos);
    EXPECT_NE(changed(key + sum, key + "nonsense").find("'nonsense a' among the checksums"), std::string::npos);
    EXPECT_NE(changed(key + sum, key + "0000000" + (sum[0] == '0' ? "1" : "0")).find("tensor a has the checksum"),
              std::string::npos);
    EXPECT_EQ(changed("\"crc32c\"", "\"crc32d\""), "no Error") << "a file from before checksums is read unchecked";
}

TEST(DamagedSafetensors, FilesOfTorchAreNamed) {
    const TempFolder folder;
    write_bytes(folder / "zip.pth.tar", std::string("PK\3\4\0\0\b\b and more", 17));
    expect_error([&] { read_all(folder / "zip.pth.tar"); },
                 {"zip.pth.tar", "zip archive", "torch.save", "moco convert"});
    write_bytes(folder / "old.pth", std::string("\x80\x02\x8a\nl\xfc\x9c\x46\xf9 and more"));
    expect_error([&] { read_all(folder / "old.pth"); }, {"old.pth", "pickle", "torch.save", "moco convert"});
}

TEST(DamagedSafetensors, AFileThatShrinksWhileItIsReadIsAnError) {
    TempFolder folder;
    const std::filesystem::path path = folder / "f";
    std::filesystem::copy_file(golden_path("nn.ours.safetensors"), path);
    const SafetensorsFile file(path);
    std::filesystem::resize_file(path, 500);
    expect_error([&] { file.read_floats(file.at("queue")); }, {path.string(), "became shorter"});
}

}  // namespace
}  // namespace moco::testing
