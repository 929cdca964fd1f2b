// Max pooling over N,H,W,C: a thread takes a pack of channels of one pixel.
#include "cuda/kernel_backend.h"
#include "cuda/rows.cuh"

namespace moco::cuda {
namespace {

/// PoolDims for a kernel: all but N, which the rows count, and in 32 bits, whose divisions are quick.
struct PoolShape {
    int H, W, C, OH, OW, kernel, stride, pad;
};

PoolShape shape_of(const PoolDims& d) {
    const auto narrow = [](int64_t extent) { return static_cast<int>(extent); };
    return {narrow(d.H),    narrow(d.W),      narrow(d.C),      narrow(d.OH()),
            narrow(d.OW()), narrow(d.kernel), narrow(d.stride), narrow(d.pad)};
}

/// Pixel and first channel of this thread's pack, of blocks along x that cover an image's row.
template <int kWidth>
struct PlaceInRow {
    int pixel, channel;
    DEVICE explicit PlaceInRow(int C) {
        const int packs = C / kWidth, i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
        pixel = i / packs;
        channel = i % packs * kWidth;
    }
};

/// The grid for that, over `rows` rows of `columns` pixels. Host.
dim3 image_grid(int64_t rows, int64_t columns, int64_t C, int width) {
    return {blocks_for(columns * C / width, kThreads, INT32_MAX), blocks_for(rows, 1, kMaxRowBlocks)};
}

/// For each channel the largest pixel of the window, the first of equal ones, and its index. A NaN counts as larger.
template <typename E, int kWidth>
KERNEL(kThreads)
largest_of_windows(PoolShape d, const E* x, E* y, uint8_t* argmax, int rows) {
    const PlaceInRow<kWidth> at(d.C);
    if (at.pixel >= d.OW) return;
    const int left = at.pixel * d.stride - d.pad;
    const int kw_begin = max(0, -left), kw_end = min(d.kernel, d.W - left);
    for (int row = static_cast<int>(blockIdx.y); row < rows; row += static_cast<int>(gridDim.y)) {
        const int top = row % d.OH * d.stride - d.pad;
        const int kh_begin = max(0, -top), kh_end = min(d.kernel, d.H - top);
        const int64_t window = ((int64_t{row / d.OH} * d.H + top) * d.W + left) * d.C + at.channel;
        const auto pixel = [&](int kh, int kw) {
            return load_floats(Width<kWidth>(), x + (window + (int64_t{kh} * d.W + kw) * d.C));
        };
        Pack<float, kWidth> best = pixel(kh_begin, kw_begin);
        Pack<uint8_t, kWidth> where;
        for (int j = 0; j < kWidth; ++j) where.element[j] = static_cast<uint8_t>(kh_begin * d.kernel + kw_begin);
        for (int kh = kh_begin; kh < kh_end; ++kh) {
            for (int kw = kw_begin; kw < kw_end; ++kw) {
                const auto values = pixel(kh, kw);
                for (int j = 0; j < kWidth; ++j) {
                    const float v = values.element[j];
                    if (!(v > best.element[j] || v != v)) continue;
                    best.element[j] = v;
                    where.element[j] = static_cast<uint8_t>(kh * d.kernel + kw);
                }
            }
        }
        const int64_t i = (int64_t{row} * d.OW + at.pixel) * d.C + at.channel;
        store_floats(y + i, best);
        store_pack(argmax + i, where);
    }
}

/// For each pixel of x the sum of dy over the windows whose maximum it was: no two threads write to one place.
template <typename E, int kWidth>
KERNEL(kThreads)
sum_of_windows(PoolShape d, const E* dy, const uint8_t* argmax, E* dx, int rows) {
    const PlaceInRow<kWidth> at(d.C);
    if (at.pixel >= d.W) return;
    const int w = at.pixel + d.pad;
    const int ow_begin = w < d.kernel ? 0 : (w - d.kernel) / d.stride + 1, ow_end = min(d.OW, w / d.stride + 1);
    for (int row = static_cast<int>(blockIdx.y); row < rows; row += static_cast<int>(gridDim.y)) {
        const int h = row % d.H + d.pad;
        const int oh_begin = h < d.kernel ? 0 : (h - d.kernel) / d.stride + 1, oh_end = min(d.OH, h / d.stride + 1);
        const int64_t sample = int64_t{row / d.H} * d.OH;
        Pack<float, kWidth> sum = {};
        for (int oh = oh_begin; oh < oh_end; ++oh) {
            for (int ow = ow_begin; ow < ow_end; ++ow) {
                const int64_t i = ((sample + oh) * d.OW + ow) * d.C + at.channel;
                const int index = (h - oh * d.stride) * d.kernel + (w - ow * d.stride);
                const auto where = load_pack<kWidth>(argmax + i);
                const auto gradient = load_floats(Width<kWidth>(), dy + i);
                for (int j = 0; j < kWidth; ++j) {
                    sum.element[j] += where.element[j] == index ? gradient.element[j] : 0.0f;
                }
            }
        }
        store_floats(dx + (int64_t{row} * d.W + at.pixel) * d.C + at.channel, sum);
    }
}

}  // namespace

void KernelBackend::max_pool_forward(const PoolDims& d, const void* x, void* y, uint8_t* argmax) {
    with_element_type(d.dtype, [&](auto type) {
        using E = decltype(type);
        with_pack_width<E>(takes_packs<E>(d.C, {x, y, argmax}), [&](auto width) {
            const int64_t rows = d.N * d.OH();
            LAUNCH((largest_of_windows<E, width()>), image_grid(rows, d.OW(), d.C, width()), kThreads, 0, stream(),
                   shape_of(d), static_cast<const E*>(x), static_cast<E*>(y), argmax, static_cast<int>(rows));
        });
    });
}

void KernelBackend::max_pool_backward(const PoolDims& d, const void* dy, const uint8_t* argmax, void* dx) {
    with_element_type(d.dtype, [&](auto type) {
        using E = decltype(type);
        with_pack_width<E>(takes_packs<E>(d.C, {dy, argmax, dx}), [&](auto width) {
            const int64_t rows = d.N * d.H;
            LAUNCH((sum_of_windows<E, width()>), image_grid(rows, d.W, d.C, width()), kThreads, 0, stream(),
                   shape_of(d), static_cast<const E*>(dy), argmax, static_cast<E*>(dx), static_cast<int>(rows));
        });
    });
}

}  // namespace moco::cuda
