#include "nn/npy.h"

#include <fmt/ranges.h>

#include <bit>
#include <string>
#include <string_view>

#include "core/error.h"
#include "nn/npy_header.h"

namespace moco {

static_assert(std::endian::native == std::endian::little, "elements go to .npy files as they lie in memory");

namespace {

constexpr size_t kPreamble = 10;   // magic, version, header length (version 1)
constexpr size_t kAlignment = 64;  // elements start at a multiple of it

/// As Python writes a tuple: "(3, 4)", "(3,)", "()".
std::string tuple_text(const std::vector<int64_t>& numbers) {
    return fmt::format("({}{})", fmt::join(numbers, ", "), numbers.size() == 1 ? "," : "");
}

}  // namespace

/// That of a version 1 file.
std::string npy_header(std::string_view descr, const std::vector<int64_t>& shape) {
    std::string dictionary =
        fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", descr, tuple_text(shape));
    const size_t unpadded = kPreamble + dictionary.size() + 1;
    dictionary.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
    dictionary.push_back('\n');
    std::string header(kNpyMagic);
    header += {'\x01', '\x00'};
    header += {static_cast<char>(dictionary.size() & 0xff), static_cast<char>(dictionary.size() >> 8)};
    return header + dictionary;
}

NpyMatrixWriter::NpyMatrixWriter(const std::filesystem::path& path, int64_t rows, int64_t columns)
    : file_(path), path_(path), values_left_(rows * columns), columns_(columns) {
    check(rows >= 0 && columns >= 1, "{}: a matrix of {} x {} cannot be written", path.string(), rows, columns);
    file_.write(npy_header("<f4", {rows, columns}));
}

void NpyMatrixWriter::append(std::span<const float> values) {
    const auto count = static_cast<int64_t>(values.size());
    check(count % columns_ == 0 && count <= values_left_, "{}: {} values do not fit; {} values in rows of {} are left",
          path_.string(), count, values_left_, columns_);
    file_.write(values.data(), values.size_bytes());
    values_left_ -= count;
}

void NpyMatrixWriter::commit() {
    check(values_left_ == 0, "{}: {} values in rows of {} are missing", path_.string(), values_left_, columns_);
    file_.commit();
}

void write_npy(const std::filesystem::path& path, std::span<const float> values, int64_t columns) {
    check(columns >= 1 && static_cast<int64_t>(values.size()) % columns == 0, "{}: {} values are no rows of {}",
          path.string(), values.size(), columns);
    NpyMatrixWriter writer(path, static_cast<int64_t>(values.size()) / columns, columns);
    writer.append(values);
    writer.commit();
}

void write_npy(const std::filesystem::path& path, std::span<const int64_t> values) {
    AtomicFile file(path);
    file.write(npy_header("<i8", {static_cast<int64_t>(values.size())}));
    file.write(values.data(), values.size_bytes());
    file.commit();
}

}  // namespace moco
