// The extents of a tensor, outermost first. Tensors are contiguous, so the shape is the whole layout.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "core/error.h"

namespace moco {

/// Up to four extents, each >= 0. A value type: cheap to copy, compared by value. A Shape of rank 0 is a scalar.
class Shape {
  public:
    static constexpr int kMaxRank = 4;

    Shape() = default;
    /// Throws Error if there are more than kMaxRank extents or one is negative.
    Shape(std::initializer_list<int64_t> extents);
    explicit Shape(std::span<const int64_t> extents);

    int rank() const { return rank_; }
    /// Extent of dimension `i`, 0 <= i < rank(). Throws Error otherwise.
    int64_t operator[](int i) const;
    /// Number of elements: the product of the extents, 1 for a scalar.
    int64_t count() const;
    std::span<const int64_t> extents() const { return {extents_.data(), static_cast<size_t>(rank_)}; }
    /// This shape with dimension 0 replaced by `rows`. Throws Error on a scalar.
    Shape with_rows(int64_t rows) const;

    bool operator==(const Shape& other) const = default;

  private:
    std::array<int64_t, kMaxRank> extents_{};
    int rank_ = 0;
};

/// "128x16x16x32"; "scalar" for rank 0.
std::string to_string(const Shape& shape);

}  // namespace moco

template <>
struct fmt::formatter<moco::Shape> : moco::FormatAsString<moco::Shape> {};
