// Reference of the ops on matrices.
#pragma once

#include "core/dims.h"
#include "tests/reference/values.h"

namespace moco::testing::reference {

/// out (M x N) = a * b, each operand transposed in memory if d says so.
Values matmul(const MatmulDims& d, const Values& a, const Values& b);

struct MatmulGradients {
    Values da, db;
};

/// Of a product whose a is not transposed.
MatmulGradients matmul_backward(const MatmulDims& d, const Values& a, const Values& b, const Values& dy);

/// y (N x OUT) = x (N x IN) * weight^T + bias; bias may be empty.
Values linear(const Values& x, const Values& weight, const Values& bias, int64_t N, int64_t IN, int64_t OUT);
/// dx, dweight, dbias (empty without a bias).
std::vector<Values> linear_backward(const Values& x, const Values& weight, const Values& bias, const Values& dy,
                                    int64_t N, int64_t IN, int64_t OUT);

Values l2_normalize(const Values& x, int64_t rows, int64_t columns);
Values l2_normalize_backward(const Values& x, const Values& dy, int64_t rows, int64_t columns);

Values row_dot(const Values& a, const Values& b, int64_t rows, int64_t columns);
/// The gradient of a is dy * b row by row; swap the roles for b's.
Values row_dot_backward(const Values& b, const Values& dy, int64_t rows, int64_t columns);

Values concat_columns(const Values& a, const Values& b, int64_t rows, int64_t ca, int64_t cb);
/// Columns [begin, end) of a matrix of `columns` columns.
Values columns_of(const Values& x, int64_t rows, int64_t columns, int64_t begin, int64_t end);

/// y with y[index[i]] = x[i], row by row, one after the other.
Values scatter_rows(const Values& x, const std::vector<int64_t>& index, Values y, int64_t columns);

}  // namespace moco::testing::reference
