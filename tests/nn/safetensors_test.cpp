// Safetensors files: written and read here, and across to the Python package of that name.
#include "nn/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "nn/serialize.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

using ::testing::ElementsAre;

template <typename T>
TensorItem item(const std::string& name, FileDType dtype, std::vector<int64_t> shape, std::vector<T> values) {
    return {name, dtype, std::move(shape), [values = std::move(values)] {
                std::vector<std::byte> bytes(values.size() * sizeof(T));
                if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
                return bytes;
            }};
}

TEST(Safetensors, ReadsWhatItWrote) {
    TempFolder folder;
    const std::filesystem::path path = folder / "a.safetensors";
    const Metadata metadata = {{"format_version", "1"}, {"odd", "a \"quoted\"\nline \xc3\xa9"}};
    write_safetensors(path, metadata,
                      {item<uint8_t>("bytes", FileDType::u8, {3}, {1, 2, 255}),
                       item<float>("matrix", FileDType::f32, {2, 2}, {1.5f, -2, 0, 1e-30f}),
                       item<uint16_t>("half", FileDType::bf16, {2}, {0x3f80, 0xc000}),
                       item<int64_t>("scalar", FileDType::i64, {}, {int64_t{1} << 50}),
                       item<float>("empty", FileDType::f32, {0, 4}, {})});
    const SafetensorsFile file(path);
    EXPECT_EQ(file.metadata(), metadata);
    EXPECT_EQ(file.entries().size(), 5u);
    EXPECT_THAT(file.read_floats(file.at("matrix")), ElementsAre(1.5f, -2.0f, 0.0f, 1e-30f));
    EXPECT_THAT(file.at("matrix").shape, ElementsAre(2, 2));
    EXPECT_THAT(file.read_floats(file.at("half")), ElementsAre(1.0f, -2.0f));
    EXPECT_THAT(file.read_integers(file.at("bytes")), ElementsAre(1, 2, 255));
    EXPECT_THAT(file.read_integers(file.at("scalar")), ElementsAre(int64_t{1} << 50));
    EXPECT_TRUE(file.at("scalar").shape.empty());
    EXPECT_THAT(file.read_floats(file.at("empty")), ElementsAre());
    EXPECT_EQ(file.find("none"), nullptr);
    expect_error([&] { file.at("none"); }, {path.string(), "none"});
    expect_error([&] { file.read_integers(file.at("matrix")); }, {path.string(), "matrix", "F32"});
    expect_error([&] { file.read_floats(file.at("scalar")); }, {path.string(), "scalar", "I64"});
    for (const TensorEntry& entry : file.entries()) {
        EXPECT_EQ(entry.begin % size_of(entry.dtype), 0u) << entry.name << ": readers that map the file need this";
    }
}

TEST(Safetensors, AFileWithoutTensorsIsOne) {
    TempFolder folder;
    write_safetensors(folder / "a", {}, {});
    const SafetensorsFile file(folder / "a");
    EXPECT_TRUE(file.entries().empty());
    EXPECT_TRUE(file.metadata().empty());
}

TEST(Safetensors, ReadsThePythonPackagesFile) {
    const SafetensorsFile file(golden_path("nn.foreign.safetensors"));
    EXPECT_EQ(file.metadata(), (Metadata{{"format", "pt"}, {"note", "quotes \" and \xc3\xa9"}}));
    EXPECT_EQ(file.entries().size(), 9u);
    EXPECT_THAT(file.at("f32").shape, ElementsAre(2, 3));
    EXPECT_EQ(file.read_floats(file.at("f32")), formula_values(6, 1));
    EXPECT_EQ(file.read_floats(file.at("f64")), formula_values(4, 2));
    const std::vector<float> halves = file.read_floats(file.at("f16"));
    EXPECT_THAT(halves, ElementsAre(0.0f, 0.0f, 1.0f, -2.5f, 65504.0f, 0x1p-24f, 0.0999755859375f,
                                    std::numeric_limits<float>::infinity()));
    EXPECT_TRUE(std::signbit(halves[1])) << "minus zero";
    EXPECT_THAT(file.read_floats(file.at("bf16")),
                ElementsAre(1.0f, -2.5f, 3.140625f, ::testing::FloatNear(1e-30f, 4e-33f)));
    EXPECT_THAT(file.read_integers(file.at("i64")), ElementsAre(-1, int64_t{1} << 40));
    EXPECT_THAT(file.read_integers(file.at("i32")), ElementsAre(-7, 8));
    EXPECT_THAT(file.read_integers(file.at("u8")), ElementsAre(0, 255, 128));
    EXPECT_THAT(file.read_integers(file.at("scalar")), ElementsAre(12345));
    EXPECT_THAT(file.at("empty").shape, ElementsAre(0, 5));
}

// nn_files.py put the golden file together byte by byte and read it back with the Python package.
TEST(Safetensors, WritesTheBytesThePythonPackageWasShown) {
    TempFolder folder;
    Backend& backend = cpu();
    std::vector<TensorItem> items;
    items.push_back(item<uint8_t>("bytes", FileDType::u8, {3}, {1, 2, 3}));
    items.push_back(item<int64_t>("count", FileDType::i64, {}, {7}));
    int64_t pointer = 3;
    const auto state = [&](StateVisitor& visitor) {
        visitor.tensor({"net.conv.weight", formula_tensor({2, 3, 3, 4}, 3, backend), FileLayout::conv_weight});
        visitor.tensor({"net.fc.bias", formula_tensor({5}, 4, backend)});
        visitor.tensor({"queue", formula_tensor({6, 2}, 5, backend), FileLayout::transposed});
        visitor.integer("ptr", pointer, 6);
    };
    for (TensorItem& named : items_of(state)) items.push_back(std::move(named));
    write_safetensors(folder / "ours", {{"format_version", "1"}}, items);
    EXPECT_EQ(read_bytes(folder / "ours"), read_bytes(golden_path("nn.ours.safetensors")));
}

TEST(Safetensors, TheSameContentsGiveTheSameBytes) {
    TempFolder folder;
    const std::vector<TensorItem> items = {item<float>("b", FileDType::f32, {1}, {1}),
                                           item<float>("a", FileDType::f32, {1}, {2})};
    write_safetensors(folder / "one", {{"x", "1"}, {"a", "2"}}, items);
    write_safetensors(folder / "two", {{"a", "2"}, {"x", "1"}}, items);
    EXPECT_EQ(read_bytes(folder / "one"), read_bytes(folder / "two"));
}

TEST(Safetensors, RefusesToWriteWhatCannotBeRead) {
    TempFolder folder;
    const auto a = item<float>("a", FileDType::f32, {2}, {1, 2});
    expect_error([&] { write_safetensors(folder / "f", {}, {a, a}); }, {(folder / "f").string(), "name a", "twice"});
    expect_error(
        [&] {
            write_safetensors(folder / "f", {}, {item<float>("a", FileDType::f32, {3}, {1, 2})});
        },
        {(folder / "f").string(), "8 bytes", "12"});
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, AFailedWriteKeepsTheOldFile) {
    TempFolder folder;
    write_bytes(folder / "f", "old");
    TensorItem broken{"a", FileDType::f32, {1}, []() -> std::vector<std::byte> { fail("the device is gone"); }};
    expect_error([&] { write_safetensors(folder / "f", {}, {broken}); }, {"the device is gone"});
    EXPECT_EQ(read_bytes(folder / "f"), "old");
    EXPECT_FALSE(std::filesystem::exists(folder / "f.tmp"));
}

}  // namespace
}  // namespace moco::testing
