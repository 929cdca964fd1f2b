// Files that PyTorch, NumPy and pickle wrote (tests/golden/interchange.py), value by value.
#include <gtest/gtest.h>

#include <cmath>

#include "moco/interchange/open_tensors.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

std::string file_named(const std::string& name) {
    return golden_path("interchange/" + name);
}

float float_at(size_t i) {
    return static_cast<float>(i) / 4 - 1;
}

/// Element i as the script computes it.
int64_t whole_at(FileDType dtype, size_t i) {
    const auto n = static_cast<int64_t>(i);
    return dtype == FileDType::boolean ? n % 2 : dtype == FileDType::u8 ? n : n - 1;
}

void expect_values(const TensorFile& file, const std::string& name, FileDType dtype,
                   const std::vector<int64_t>& shape) {
    SCOPED_TRACE(file.path().string() + " " + name);
    const TensorEntry& entry = file.at(name);
    EXPECT_EQ(name_of(entry.dtype), name_of(dtype));
    EXPECT_EQ(entry.shape, shape);
    if (is_floating(dtype)) {
        const std::vector<float> values = file.read_floats(entry);
        for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], float_at(i)) << i;
    } else {
        const std::vector<int64_t> values = file.read_integers(entry);
        for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], whole_at(dtype, i)) << i;
    }
}

TEST(Readers, BothContainersOfPyTorchGiveEveryTypeAndView) {
    for (const char* name : {"new.pth", "old.pth"}) {
        const auto file = open_tensors(file_named(name));
        using D = FileDType;
        const std::string in = "state_dict.";
        for (const auto& [tensor, dtype] :
             {std::pair{"f64", D::f64}, {"f32", D::f32}, {"f16", D::f16}, {"bf16", D::bf16}}) {
            expect_values(*file, in + tensor, dtype, {2, 3});
        }
        for (const auto& [tensor, dtype] : {std::pair{"i64", D::i64},
                                            {"i32", D::i32},
                                            {"i16", D::i16},
                                            {"i8", D::i8},
                                            {"u8", D::u8},
                                            {"bool", D::boolean}}) {
            expect_values(*file, in + tensor, dtype, {5});
        }
        expect_values(*file, in + "scalar", D::i64, {});
        expect_values(*file, in + "empty", D::f32, {0, 4});
        expect_values(*file, in + "shared", D::f32, {3, 4});
        expect_values(*file, in + "channels_last", D::f32, {2, 3, 2, 2});
        expect_values(*file, "optimizer.state.1.momentum_buffer", D::f32, {3});
        const auto floats = [&](const char* tensor) { return file->read_floats(file->at(in + tensor)); };
        const std::vector<float> shared = floats("shared"), transposed = floats("transposed");
        EXPECT_EQ(floats("shared_rows"), std::vector<float>(shared.begin() + 4, shared.end()));
        for (size_t r = 0; r < 3; ++r) {
            for (size_t c = 0; c < 4; ++c) EXPECT_EQ(transposed[c * 3 + r], shared[r * 4 + c]);
        }
        EXPECT_EQ(floats("every_other"), (std::vector<float>{-1, -0.5, 0, 0.5, 1, 1.5}));
        EXPECT_EQ(floats("expanded"), (std::vector<float>{-1, -0.75, -1, -0.75, -1, -0.75}));
        EXPECT_EQ(file->metadata(), (Metadata{{"epoch", "200"},
                                              {"arch", "resnet50"},
                                              {"best", "0.5"},
                                              {"steps", "-3"},
                                              {"lr", "0.03"},
                                              {"done", "true"}}));
        EXPECT_EQ(file->entries().size(), 20u);
    }
}

TEST(Readers, NumPysArraysStoredPackedAndPickled) {
    for (const std::string name : {"stored.npz", "packed.npz", "protocol2.pkl", "protocol4.pkl", "protocol5.pkl"}) {
        const auto file = open_tensors(file_named(name));
        const std::string in = name.ends_with(".pkl") ? "model." : "";
        expect_values(*file, in + "w", FileDType::f32, {2, 3});
        expect_values(*file, in + "half", FileDType::f16, {4});
        expect_values(*file, in + "count", FileDType::i64, {5});
        expect_values(*file, in + "flags", FileDType::boolean, {5});
        expect_values(*file, in + "column_major", FileDType::f32, {3, 4});
        expect_values(*file, in + "scalar", FileDType::i64, {});
        EXPECT_EQ(file->entries().size(), 6u);
    }
    EXPECT_EQ(open_tensors(file_named("protocol4.pkl"))->metadata().at("__author__"), "somebody");
    expect_values(*open_tensors(file_named("column_major.npy")), "array", FileDType::f32, {3, 4});
}

TEST(Readers, SafetensorsFilesAreReadByTheSameCall) {
    const auto file = open_tensors(golden_path("nn.foreign.safetensors"));
    EXPECT_EQ(file->read_integers(file->at("i64")), (std::vector<int64_t>{-1, int64_t{1} << 40}));
}

TEST(Readers, ATruncatedFileIsRefusedInOneSentence) {
    const TempFolder folder;
    for (const char* name : {"new.pth", "old.pth", "stored.npz", "packed.npz", "protocol4.pkl", "column_major.npy"}) {
        const std::string bytes = read_bytes(file_named(name));
        const std::filesystem::path file = folder / name;
        for (size_t length = 0; length < bytes.size(); length += 1 + bytes.size() / 97) {
            write_bytes(file, bytes.substr(0, length));
            SCOPED_TRACE(length);
            expect_error([&] { open_tensors(file); }, {name});
        }
    }
}

/// Whatever bytes become of a file, it is read or refused.
TEST(Readers, FlippedBytesAreReadOrRefused) {
    const TempFolder folder;
    for (const char* name : {"new.pth", "old.pth", "packed.npz", "protocol2.pkl"}) {
        const std::string bytes = read_bytes(file_named(name));
        const std::filesystem::path file = folder / name;
        for (size_t i = 0; i < 400; ++i) {
            std::string spoiled = bytes;
            spoiled[i * 7919 % bytes.size()] = static_cast<char>(i * 31 + 1);
            write_bytes(file, spoiled);
            const std::string message = message_of([&] {
                const auto opened = open_tensors(file);
                for (const TensorEntry& entry : opened->entries()) {
                    std::vector<std::byte> elements(entry.bytes);
                    opened->read(entry, elements.data());
                }
            });
            EXPECT_TRUE(message == "no Error" || message.find(name) != std::string::npos) << message;
        }
    }
}

}  // namespace
}  // namespace moco::testing
