// What is read of an .npy file's header, and what is refused.
#include "nn/npy_header.h"

#include <gtest/gtest.h>

#include "nn/npy.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

NpyHeader header_of(const std::string& bytes) {
    return read_npy_header({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "D/x");
}

/// A file of version 1 with this header.
std::string file_with(const std::string& header) {
    return std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size()) + '\0' + header;
}

TEST(NpyHeader, IsWhatNumPyAndWeWrite) {
    for (const char* name : {"u8", "version_2", "version_3", "column_major"}) {
        SCOPED_TRACE(name);
        const std::string bytes = read_bytes(golden_path("arrays/" + std::string(name) + ".npy"));
        const NpyHeader header = header_of(bytes);
        EXPECT_EQ(header.descr, "|u1");
        EXPECT_EQ(header.column_major, std::string(name) == "column_major");
        EXPECT_EQ(header.shape, (std::vector<int64_t>{3, 4, 5}));
        EXPECT_EQ(header.elements.size(), 60u);
    }
    const std::string ours = npy_header("<i8", {7}) + std::string(56, 'x');
    EXPECT_EQ(header_of(ours).shape, std::vector<int64_t>{7});
    EXPECT_EQ(header_of(ours).elements.size(), 56u);
    EXPECT_EQ(header_of(npy_header("<f4", {})).shape, std::vector<int64_t>());
}

TEST(NpyHeader, RecordsHaveNoOneType) {
    const std::string bytes = file_with("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }");
    EXPECT_EQ(header_of(bytes).descr, "");
    EXPECT_EQ(header_of(bytes).shape, std::vector<int64_t>{2});
}

TEST(NpyHeader, OfAnotherShapeIsShown) {
    expect_error([] { header_of("no array at all"); }, {"D/x: no NumPy array, or truncated"});
    for (const char* header : {"", "{}", "{'descr': '<f4', 'shape': (2,)}", "{'descr': '<f4', 'fortran_order': False}",
                               "{'descr': '<f4', 'fortran_order': False, 'shape': (2",
                               "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
                               "{'descr': '<f4', 'fortran_order': False, 'shape': (two,)}"}) {
        SCOPED_TRACE(header);
        expect_error([&] { header_of(file_with(header) + "    "); }, {"D/x: damaged", std::string("'") + header + "'"});
    }
    const std::string whole = npy_header("<f4", {2, 3});
    for (size_t length = 0; length < whole.size(); ++length) {
        SCOPED_TRACE(length);
        expect_error([&] { header_of(whole.substr(0, length)); }, {"D/x: ", "truncated"});
    }
}

}  // namespace
}  // namespace moco::testing
