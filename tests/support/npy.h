// Reads golden values: NumPy's .npy files of little-endian f32, f64 or i64 in C order.
#pragma once

#include <string>
#include <vector>

namespace moco::testing {

/// The elements of a .npy file, whatever their type, as double (i64 beyond 2^53 loses bits), with their shape.
struct NpyArray {
    std::vector<int64_t> shape;
    std::vector<double> values;

    std::vector<float> as_float() const { return {values.begin(), values.end()}; }
    std::vector<int64_t> as_int64() const { return {values.begin(), values.end()}; }
};

/// Throws Error, naming the file, when it is missing, truncated, or of another type or order.
NpyArray read_npy(const std::string& path);

/// The path of a golden file, by its name in tests/golden.
std::string golden_path(const std::string& name);

/// Several arrays from one file: tests/golden/pack.py lays `values` end to end in NAME.npy and lists "name shape" lines
/// in NAME.txt. Throws Error if a file is missing or they disagree.
class GoldenPack {
  public:
    explicit GoldenPack(const std::string& name);
    /// The array of that name. Throws Error if there is none.
    NpyArray operator[](const std::string& name) const;

  private:
    struct Entry {
        std::string name;
        std::vector<int64_t> shape;
        size_t begin, count;
    };
    std::string name_;
    std::vector<Entry> entries_;
    NpyArray data_;
};

}  // namespace moco::testing
