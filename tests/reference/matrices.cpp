#include "tests/reference/matrices.h"

#include <algorithm>
#include <cmath>

namespace moco::testing::reference {
namespace {

size_t at(int64_t row, int64_t column, int64_t columns) {
    return static_cast<size_t>(row * columns + column);
}

}  // namespace

Values matmul(const MatmulDims& d, const Values& a, const Values& b) {
    Values out = zeros(d.M * d.N);
    for (int64_t i = 0; i < d.M; ++i)
        for (int64_t j = 0; j < d.N; ++j)
            for (int64_t k = 0; k < d.K; ++k)
                out[at(i, j, d.N)] += a[d.a == Transpose::no ? at(i, k, d.K) : at(k, i, d.M)] *
                                      b[d.b == Transpose::no ? at(k, j, d.N) : at(j, k, d.K)];
    return out;
}

MatmulGradients matmul_backward(const MatmulDims& d, const Values& a, const Values& b, const Values& dy) {
    MatmulGradients result = {zeros(d.M * d.K), zeros(d.K * d.N)};
    for (int64_t i = 0; i < d.M; ++i)
        for (int64_t j = 0; j < d.N; ++j)
            for (int64_t k = 0; k < d.K; ++k) {
                const size_t b_index = d.b == Transpose::no ? at(k, j, d.N) : at(j, k, d.K);
                result.da[at(i, k, d.K)] += dy[at(i, j, d.N)] * b[b_index];
                result.db[b_index] += dy[at(i, j, d.N)] * a[at(i, k, d.K)];
            }
    return result;
}

Values linear(const Values& x, const Values& weight, const Values& bias, int64_t N, int64_t IN, int64_t OUT) {
    Values y = matmul({.M = N, .N = OUT, .K = IN, .b = Transpose::yes}, x, weight);
    for (size_t i = 0; i < y.size(); ++i) {
        if (!bias.empty()) y[i] += bias[i % static_cast<size_t>(OUT)];
    }
    return y;
}

std::vector<Values> linear_backward(const Values& x, const Values& weight, const Values& bias, const Values& dy,
                                    int64_t N, int64_t IN, int64_t OUT) {
    const MatmulGradients gradients = matmul_backward({.M = N, .N = OUT, .K = IN, .b = Transpose::yes}, x, weight, dy);
    if (bias.empty()) return {gradients.da, gradients.db, {}};
    Values dbias = zeros(OUT);
    for (size_t i = 0; i < dy.size(); ++i) dbias[i % static_cast<size_t>(OUT)] += dy[i];
    return {gradients.da, gradients.db, dbias};
}

Values l2_normalize(const Values& x, int64_t rows, int64_t columns) {
    Values y = x;
    for (int64_t r = 0; r < rows; ++r) {
        double squares = 0;
        for (int64_t c = 0; c < columns; ++c) squares += x[at(r, c, columns)] * x[at(r, c, columns)];
        for (int64_t c = 0; c < columns; ++c) y[at(r, c, columns)] /= std::max(std::sqrt(squares), 1e-12);
    }
    return y;
}

Values l2_normalize_backward(const Values& x, const Values& dy, int64_t rows, int64_t columns) {
    Values dx = zeros(rows * columns);
    for (int64_t r = 0; r < rows; ++r) {
        double squares = 0, dot = 0;
        for (int64_t c = 0; c < columns; ++c) {
            squares += x[at(r, c, columns)] * x[at(r, c, columns)];
            dot += x[at(r, c, columns)] * dy[at(r, c, columns)];
        }
        const double norm = std::max(std::sqrt(squares), 1e-12);
        for (int64_t c = 0; c < columns; ++c) {
            const size_t i = at(r, c, columns);
            dx[i] = dy[i] / norm - x[i] * dot / (norm * norm * norm);
        }
    }
    return dx;
}

Values row_dot(const Values& a, const Values& b, int64_t rows, int64_t columns) {
    Values y = zeros(rows);
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c) y[static_cast<size_t>(r)] += a[at(r, c, columns)] * b[at(r, c, columns)];
    return y;
}

Values row_dot_backward(const Values& b, const Values& dy, int64_t rows, int64_t columns) {
    Values da = zeros(rows * columns);
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c) da[at(r, c, columns)] = dy[static_cast<size_t>(r)] * b[at(r, c, columns)];
    return da;
}

Values concat_columns(const Values& a, const Values& b, int64_t rows, int64_t ca, int64_t cb) {
    Values y = zeros(rows * (ca + cb));
    for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < ca; ++c) y[at(r, c, ca + cb)] = a[at(r, c, ca)];
        for (int64_t c = 0; c < cb; ++c) y[at(r, ca + c, ca + cb)] = b[at(r, c, cb)];
    }
    return y;
}

Values columns_of(const Values& x, int64_t rows, int64_t columns, int64_t begin, int64_t end) {
    Values y = zeros(rows * (end - begin));
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = begin; c < end; ++c) y[at(r, c - begin, end - begin)] = x[at(r, c, columns)];
    return y;
}

Values scatter_rows(const Values& x, const std::vector<int64_t>& index, Values y, int64_t columns) {
    for (size_t i = 0; i < index.size(); ++i)
        for (int64_t c = 0; c < columns; ++c) y[at(index[i], c, columns)] = x[at(static_cast<int64_t>(i), c, columns)];
    return y;
}

}  // namespace moco::testing::reference
