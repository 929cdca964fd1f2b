#include "nn/npy.h"

#include <bit>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>

#include "core/error.h"

namespace moco {

static_assert(std::endian::native == std::endian::little, "elements go to .npy files as they lie in memory");

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kPreamble = 10;   // magic, version, header length (version 1)
constexpr size_t kAlignment = 64;  // elements start at a multiple of it

/// The header of a version 1 file. `shape` as Python writes a tuple: "(3, 4)", "(3,)".
std::string npy_header(std::string_view descr, std::string_view shape) {
    std::string dictionary = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", descr, shape);
    const size_t unpadded = kPreamble + dictionary.size() + 1;
    dictionary.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
    dictionary.push_back('\n');
    std::string header(kMagic);
    header += {'\x01', '\x00'};
    header += {static_cast<char>(dictionary.size() & 0xff), static_cast<char>(dictionary.size() >> 8)};
    return header + dictionary;
}

template <typename T>
constexpr std::string_view kDescr = "";
template <>
constexpr std::string_view kDescr<float> = "<f4";
template <>
constexpr std::string_view kDescr<double> = "<f8";
template <>
constexpr std::string_view kDescr<int64_t> = "<i8";
template <>
constexpr std::string_view kDescr<uint8_t> = "|u1";

/// What follows `'key':` in the header, without leading spaces.
std::string_view value_after(std::string_view header, std::string_view key, const std::string& path) {
    const std::string quoted = fmt::format("'{}':", key);
    const size_t at = header.find(quoted);
    check(at != std::string_view::npos, "{}: the .npy header has no {}", path, quoted);
    header.remove_prefix(at + quoted.size());
    header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
    return header;
}

std::vector<int64_t> parse_shape(std::string_view text, const std::string& path) {
    const size_t close = text.find(')');
    check(text.starts_with('(') && close != std::string_view::npos, "{}: the .npy header has no readable shape", path);
    std::istringstream numbers{std::string(text.substr(1, close - 1))};
    std::vector<int64_t> shape;
    for (std::string number; std::getline(numbers, number, ',');) {
        if (number.find_first_not_of(' ') == std::string::npos) continue;
        int64_t extent = -1;
        std::istringstream(number) >> extent;
        check(extent >= 0, "{}: the .npy header has no readable shape", path);
        shape.push_back(extent);
    }
    return shape;
}

}  // namespace

NpyMatrixWriter::NpyMatrixWriter(const std::filesystem::path& path, int64_t rows, int64_t columns)
    : file_(path), path_(path), values_left_(rows * columns), columns_(columns) {
    check(rows >= 0 && columns >= 1, "{}: a matrix of {} x {} cannot be written", path.string(), rows, columns);
    file_.write(npy_header(kDescr<float>, fmt::format("({}, {})", rows, columns)));
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
    file.write(npy_header(kDescr<int64_t>, fmt::format("({},)", values.size())));
    file.write(values.data(), values.size_bytes());
    file.commit();
}

template <typename T>
NpyArray<T> read_npy(const std::filesystem::path& file) {
    const std::string path = file.string();
    std::ifstream in(file, std::ios::binary);
    check(in.is_open(), "{} cannot be opened", path);
    const std::string contents{std::istreambuf_iterator<char>(in), {}};
    check(contents.size() >= kPreamble && contents.starts_with(kMagic), "{} is not a .npy file", path);

    // Version 1 has a header length of two bytes, versions 2 and 3 of four.
    const size_t length_bytes = contents[6] == 1 ? 2 : 4;
    const size_t begin = kMagic.size() + 2 + length_bytes;
    uint32_t length = 0;
    check(contents.size() >= begin, "{} is truncated in its header", path);
    std::memcpy(&length, contents.data() + kMagic.size() + 2, length_bytes);
    check(contents.size() - begin >= length, "{} is truncated in its header", path);
    const std::string_view header = std::string_view(contents).substr(begin, length);

    check(value_after(header, "descr", path).starts_with(fmt::format("'{}'", kDescr<T>)),
          "{} does not hold elements of type {}: its header is {}", path, kDescr<T>, header);
    check(value_after(header, "fortran_order", path).starts_with("False"), "{} is in Fortran order", path);
    NpyArray<T> array;
    array.shape = parse_shape(value_after(header, "shape", path), path);
    const size_t available = (contents.size() - begin - length) / sizeof(T);
    size_t count = 1;
    for (const int64_t extent : array.shape) {
        const auto e = static_cast<size_t>(extent);
        check(e == 0 || count <= available / e, "{} is truncated: its header promises more elements than the {} it has",
              path, available);
        count *= e;
    }
    array.values.resize(count);
    std::memcpy(array.values.data(), contents.data() + begin + length, count * sizeof(T));
    return array;
}

template NpyArray<float> read_npy<float>(const std::filesystem::path&);
template NpyArray<double> read_npy<double>(const std::filesystem::path&);
template NpyArray<int64_t> read_npy<int64_t>(const std::filesystem::path&);
template NpyArray<uint8_t> read_npy<uint8_t>(const std::filesystem::path&);

}  // namespace moco
