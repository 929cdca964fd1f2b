// Two matrices side by side.
#include "cuda/kernel_backend.h"
#include "cuda/rows.cuh"

namespace moco::cuda {
namespace {

/// A matrix, or some columns of one: from row to row it is `stride` floats.
template <typename T>
struct Columns {
    T* first;
    int64_t stride;
};

template <int kWidth>
KERNEL(kThreads)
copy_columns(const float* source, int64_t source_stride, float* target, int64_t target_stride, int64_t rows,
             int64_t columns) {
    for_each_in_rows<kWidth>(rows, columns, [=](int64_t row, int64_t column) {
        store_pack(target + row * target_stride + column, load_pack<kWidth>(source + row * source_stride + column));
    });
}

void launch_copy(cudaStream_t stream, Columns<const float> source, Columns<float> target, int64_t rows,
                 int64_t columns) {
    const bool packed = takes_packs<float>(columns, {source.first, target.first}) &&
                        source.stride % kFullPack<float> == 0 && target.stride % kFullPack<float> == 0;
    with_pack_width<float>(packed, [&](auto width) {
        LAUNCH(copy_columns<width()>, row_grid(rows, columns, width()), row_block(), 0, stream, source.first,
               source.stride, target.first, target.stride, rows, columns);
    });
}

}  // namespace

void KernelBackend::concat_columns_forward(const float* a, const float* b, float* y, int64_t rows, int64_t ca,
                                           int64_t cb) {
    launch_copy(stream(), {a, ca}, {y, ca + cb}, rows, ca);
    launch_copy(stream(), {b, cb}, {y + ca, ca + cb}, rows, cb);
}

void KernelBackend::concat_columns_backward(const float* dy, float* da, float* db, int64_t rows, int64_t ca,
                                            int64_t cb) {
    if (da != nullptr) launch_copy(stream(), {dy, ca + cb}, {da, ca}, rows, ca);
    if (db != nullptr) launch_copy(stream(), {dy + ca, ca + cb}, {db, cb}, rows, cb);
}

}  // namespace moco::cuda
