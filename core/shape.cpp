#include "core/shape.h"

#include <algorithm>

#include "core/error.h"

namespace moco {

Shape::Shape(std::initializer_list<int64_t> extents)
    : Shape(std::span<const int64_t>(extents.begin(), extents.size())) {}

Shape::Shape(std::span<const int64_t> extents) : rank_(static_cast<int>(extents.size())) {
    check(extents.size() <= kMaxRank, "Shape: {} dimensions, at most {} are supported", extents.size(), kMaxRank);
    for (int64_t extent : extents) check(extent >= 0, "Shape: extent {} is negative", extent);
    std::copy(extents.begin(), extents.end(), extents_.begin());
}

int64_t Shape::operator[](int i) const {
    check(i >= 0 && i < rank_, "Shape: dimension {} of a shape of rank {} ({})", i, rank_, *this);
    return extents_[static_cast<size_t>(i)];
}

int64_t Shape::count() const {
    int64_t count = 1;
    for (int64_t extent : extents()) count *= extent;
    return count;
}

Shape Shape::with_rows(int64_t rows) const {
    check(rank_ > 0, "Shape: a scalar has no rows");
    check(rows >= 0, "Shape: {} rows", rows);
    Shape shape = *this;
    shape.extents_[0] = rows;
    return shape;
}

std::string to_string(const Shape& shape) {
    if (shape.rank() == 0) return "scalar";
    return fmt::format("{}", fmt::join(shape.extents(), "x"));
}

}  // namespace moco
