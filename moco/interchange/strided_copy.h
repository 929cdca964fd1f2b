// Tensors that lie in memory with gaps or in another order, put in C order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace moco {

/// A view of elements of `element_bytes` bytes; strides count elements.
struct StridedView {
    const uint8_t* elements = nullptr;
    size_t element_bytes = 1;
    std::vector<int64_t> shape, strides;
};

/// The strides of C order, and of Fortran's.
std::vector<int64_t> row_major_strides(const std::vector<int64_t>& shape);
std::vector<int64_t> column_major_strides(const std::vector<int64_t>& shape);

/// All of the view's elements in C order, without gaps, into `to`.
void copy_strided(const StridedView& from, void* to);

}  // namespace moco
