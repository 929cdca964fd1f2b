#include "tests/support/npy.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "core/error.h"

namespace moco::testing {
namespace {

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    check(file.good(), "read_npy: cannot open {}", path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// What stands behind 'key': in the header's Python dictionary, up to `end`.
std::string header_field(const std::string& header, const std::string& key, char end, const std::string& path) {
    const size_t at = header.find("'" + key + "':");
    check(at != std::string::npos, "read_npy: {} has no '{}' in its header", path, key);
    const size_t begin = at + key.size() + 3;
    return header.substr(begin, header.find(end, begin) - begin);
}

std::vector<int64_t> parse_shape(std::string text) {
    for (char& c : text) {
        if (c == '(' || c == ',') c = ' ';
    }
    std::istringstream stream(text);
    return {std::istream_iterator<int64_t>(stream), {}};
}

int64_t product(const std::vector<int64_t>& shape) {
    int64_t count = 1;
    for (const int64_t extent : shape) count *= extent;
    return count;
}

template <typename T>
std::vector<double> elements(const std::string& bytes, size_t begin, int64_t count, const std::string& path) {
    check(bytes.size() == begin + static_cast<size_t>(count) * sizeof(T), "read_npy: {} holds {} bytes, expected {}",
          path, bytes.size(), begin + static_cast<size_t>(count) * sizeof(T));
    std::vector<T> raw(static_cast<size_t>(count));
    if (count > 0) std::memcpy(raw.data(), bytes.data() + begin, raw.size() * sizeof(T));
    return {raw.begin(), raw.end()};
}

}  // namespace

NpyArray read_npy(const std::string& path) {
    const std::string bytes = read_file(path);
    check(bytes.size() >= 12 && bytes.compare(0, 6, "\x93NUMPY") == 0, "read_npy: {} is not a .npy file", path);
    // Version 1 has a two-byte header length, later ones four bytes, both little-endian.
    size_t begin = 10;
    size_t length = static_cast<uint8_t>(bytes[8]) + 256u * static_cast<uint8_t>(bytes[9]);
    if (bytes[6] != 1) {
        begin = 12;
        length += 65536u * static_cast<uint8_t>(bytes[10]) + 16777216u * static_cast<uint8_t>(bytes[11]);
    }
    check(bytes.size() >= begin + length, "read_npy: {} ends within its header", path);
    const std::string header = bytes.substr(begin, length);
    check(header_field(header, "fortran_order", ',', path).find("False") != std::string::npos,
          "read_npy: {} is in Fortran order, expected C order", path);
    NpyArray array;
    array.shape = parse_shape(header_field(header, "shape", ')', path));
    const std::string type = header_field(header, "descr", ',', path);
    const int64_t count = product(array.shape);
    begin += length;
    if (type.find("<f4") != std::string::npos) {
        array.values = elements<float>(bytes, begin, count, path);
    } else if (type.find("<f8") != std::string::npos) {
        array.values = elements<double>(bytes, begin, count, path);
    } else if (type.find("<i8") != std::string::npos) {
        array.values = elements<int64_t>(bytes, begin, count, path);
    } else {
        fail("read_npy: {} has elements of type{}, expected <f4, <f8 or <i8", path, type);
    }
    return array;
}

std::string golden_path(const std::string& name) {
    return std::string(MOCO_SOURCE_DIR "/tests/golden/") + name;
}

GoldenPack::GoldenPack(const std::string& name) : name_(name), data_(read_npy(golden_path(name + ".npy"))) {
    std::istringstream index(read_file(golden_path(name + ".txt")));
    size_t next = 0;
    for (std::string line; std::getline(index, line);) {
        const size_t space = line.find(' ');
        Entry entry = {line.substr(0, space), {}, next, 0};
        if (space != std::string::npos) entry.shape = parse_shape(line.substr(space));
        entry.count = static_cast<size_t>(product(entry.shape));
        next += entry.count;
        entries_.push_back(std::move(entry));
    }
    check(next == data_.values.size(), "golden values {}: the index lists {} values, the file holds {}", name, next,
          data_.values.size());
}

NpyArray GoldenPack::operator[](const std::string& name) const {
    for (const Entry& entry : entries_) {
        if (entry.name == name) {
            const auto first = data_.values.begin() + static_cast<std::ptrdiff_t>(entry.begin);
            return {entry.shape, {first, first + static_cast<std::ptrdiff_t>(entry.count)}};
        }
    }
    fail("golden values {}: no array is called {}", name_, name);
}

}  // namespace moco::testing
