// NumPy's .npy files: feature matrices and label vectors for tools that read arrays.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/atomic_file.h"

namespace moco {

/// A float32 matrix (rows x columns, C order) written piece by piece: features need not fit in memory. The file is in
/// place after commit() (nn/atomic_file.h), which throws Error unless exactly `rows` rows were appended.
class NpyMatrixWriter {
  public:
    NpyMatrixWriter(const std::filesystem::path& path, int64_t rows, int64_t columns);
    /// Whole rows: a multiple of `columns` values.
    void append(std::span<const float> values);
    void commit();

  private:
    AtomicFile file_;
    std::filesystem::path path_;
    int64_t values_left_;
    int64_t columns_;
};

/// The header of an .npy file of elements of a type ("<f4") and shape, in C order; the elements follow.
std::string npy_header(std::string_view descr, const std::vector<int64_t>& shape);

/// A float32 matrix of values.size() / columns rows.
void write_npy(const std::filesystem::path& path, std::span<const float> values, int64_t columns);
/// An int64 vector.
void write_npy(const std::filesystem::path& path, std::span<const int64_t> values);

}  // namespace moco
