#include "moco/batch_parts.h"

#include "ops/gather_rows.h"
#include "ops/stack_rows.h"

namespace moco {

BatchParts::BatchParts(int64_t N, int64_t A, Backend& backend) : A_(A) {
    check(A >= 1 && N % A == 0, "BatchParts: {} parts do not divide a batch of {} samples", A, N);
    if (A == 1) return;
    std::vector<int64_t> back(static_cast<size_t>(N));
    for (int64_t a = 0; a < A; ++a) {
        std::vector<int64_t> rows;
        for (int64_t n = a; n < N; n += A) {
            back[static_cast<size_t>(n)] = a * (N / A) + std::ssize(rows);
            rows.push_back(n);
        }
        rows_.push_back(Tensor::from_host(rows, {N / A}, backend));
    }
    back_ = Tensor::from_host(back, {N}, backend);
}

Tensor BatchParts::part(const Tensor& x, int64_t a) const {
    return A_ == 1 ? x : gather_rows(x, rows_[static_cast<size_t>(a)]);
}

Tensor BatchParts::together(const std::vector<Tensor>& parts) const {
    return A_ == 1 ? parts.front() : gather_rows(stack_rows(parts), back_);
}

std::vector<Tensor*> BatchParts::placed() {
    std::vector<Tensor*> all;
    for (Tensor& rows : rows_) all.push_back(&rows);
    if (A_ > 1) all.push_back(&back_);
    return all;
}

}  // namespace moco
