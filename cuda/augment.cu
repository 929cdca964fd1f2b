// Augmented views. One thread a pixel, in at most four kernels over all views of a call: resample, with the colour
// operations before the contrast; the contrast, which needs the mean of what it works on, and the rest; for the views
// that are blurred a pass down the columns and one along the rows. The last kernel of a view normalises. In between the
// pixels stay in y; only the blur needs memory of its own.
//
// Values are read and written one by one: neither rows of a crop nor views of odd sizes are aligned to more.
#include <bit>
#include <utility>

#include "core/error.h"
#include "cuda/augment_pixels.cuh"
#include "cuda/augment_plan.h"
#include "cuda/kernel_backend.h"
#include "cuda/reduce.cuh"

namespace moco::cuda {
namespace {

constexpr int kThreads = 256;

/// Which view, and which of its items, a thread works on: `pieces` blocks a view.
struct Place {
    int view, item;
};

DEVICE Place place_of(int pieces) {
    const auto block = static_cast<int>(blockIdx.x);
    return {block / pieces, block % pieces * kThreads + static_cast<int>(threadIdx.x)};
}

DEVICE const PackedView& view_at(const PackedBlock& block, int view) {
    return array_at<PackedView>(block, block.views)[view];
}

/// The view that is the i-th with a blur.
DEVICE int blurred_view(const PackedBlock& block, int i) {
    return array_at<int32_t>(block, block.blurred)[i];
}

template <int C>
DEVICE void store(const Pixel<C>& p, float* y) {
    for (int c = 0; c < C; ++c) y[c] = p.channel[c];
}

DEVICE float normalised(float value, const PackedView& view, int c) {
    return (value - view.mean[c]) * view.inv_std[c];
}

/// gray_sums: one a block, of the grey values as the contrast will find them.
template <int C>
KERNEL(kThreads)
resample(const PackedBlock block, int size, int pieces, float* y, float* gray_sums) {
    SHARED_ARRAY(float, partial, [kMaxWarps]);
    const Place at = place_of(pieces);
    const PackedView& view = view_at(block, at.view);
    const int count = size * size;
    float gray = 0;
    if (at.item < count) {
        Pixel<C> p = resampled<C>(block, view, at.item / size, at.item % size);
        for (int i = 0; i < view.contrast_at; ++i) apply(view.colours.step[i], 0.0f, p);
        gray = gray_of(p);
        store(p, y + (int64_t{at.view} * count + at.item) * C);
    }
    const float sum = block_reduce(gray, partial, Sum());
    if (threadIdx.x == 0) gray_sums[blockIdx.x] = sum;
}

template <int C>
KERNEL(kThreads)
recolour(const PackedBlock block, int count, int pieces, const float* gray_sums, float* y) {
    SHARED_ARRAY(float, partial, [kMaxWarps]);
    const Place at = place_of(pieces);
    const PackedView& view = view_at(block, at.view);
    float gray = 0;
    for (auto i = static_cast<int>(threadIdx.x); i < pieces; i += kThreads) {
        gray += gray_sums[int64_t{at.view} * pieces + i];
    }
    const float mean = block_reduce(gray, partial, Sum()) / static_cast<float>(count);
    if (at.item < count) {
        float* pixel = y + (int64_t{at.view} * count + at.item) * C;
        Pixel<C> p;
        for (int c = 0; c < C; ++c) p.channel[c] = pixel[c];
        for (int i = view.contrast_at; i < view.colours.count; ++i) apply(view.colours.step[i], mean, p);
        if (view.blur_radius == 0) {
            for (int c = 0; c < C; ++c) p.channel[c] = normalised(p.channel[c], view, c);
        }
        store(p, pixel);
    }
}

DEVICE int mirrored(int i, int size) {
    return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
}

/// The blur along one axis of `size` values that lie `stride` apart, at place i.
DEVICE float blurred_at(const float* line, int i, int size, int stride, const float* weight, int radius) {
    float sum = weight[0] * line[i * stride];
    for (int t = 1; t <= radius; ++t) {
        sum += weight[t] * (line[mirrored(i - t, size) * stride] + line[mirrored(i + t, size) * stride]);
    }
    return sum;
}

/// sums: one image for each view with a blur. A thread an element, whichever channel it is of.
KERNEL(kThreads)
blur_columns(const PackedBlock block, int size, int row_length, int pieces, const float* y, float* sums) {
    const Place at = place_of(pieces);
    const int count = size * row_length;
    if (at.item < count) {
        const int index = blurred_view(block, at.view);
        const PackedView& view = view_at(block, index);
        const float* column = y + int64_t{index} * count + at.item % row_length;
        const float* weight = array_at<float>(block, view.blur_weight);
        sums[int64_t{at.view} * count + at.item] =
            blurred_at(column, at.item / row_length, size, row_length, weight, view.blur_radius);
    }
}

template <int C>
KERNEL(kThreads)
blur_rows(const PackedBlock block, int size, int pieces, const float* sums, float* y) {
    const Place at = place_of(pieces);
    const int count = size * size * C;
    if (at.item < count) {
        const int index = blurred_view(block, at.view);
        const PackedView& view = view_at(block, index);
        const int column = at.item / C % size, c = at.item % C;
        const float* row = sums + int64_t{at.view} * count + (at.item - column * C);
        const float* weight = array_at<float>(block, view.blur_weight);
        const float value = blurred_at(row, column, size, C, weight, view.blur_radius);
        y[int64_t{index} * count + at.item] = normalised(value, view, c);
    }
}

/// Blocks for so many items of one view.
int pieces_of(int64_t items) {
    return static_cast<int>((items + kThreads - 1) / kThreads);
}

/// The device memory of one call.
struct Memory {
    PackedBlock block;
    float *gray_sums, *blur_sums;
};

template <int C>
void make_views(const Memory& memory, int64_t views, int64_t blurred, int size, float* y, cudaStream_t stream) {
    const int count = size * size, pieces = pieces_of(count);
    const auto blocks = static_cast<unsigned>(views * pieces);
    LAUNCH(resample<C>, blocks, kThreads, 0, stream, memory.block, size, pieces, y, memory.gray_sums);
    LAUNCH(recolour<C>, blocks, kThreads, 0, stream, memory.block, count, pieces, memory.gray_sums, y);
    if (blurred == 0) return;
    const int blur_pieces = pieces_of(int64_t{count} * C);
    const auto blur_blocks = static_cast<unsigned>(blurred * blur_pieces);
    LAUNCH(blur_columns, blur_blocks, kThreads, 0, stream, memory.block, size, size * C, blur_pieces, y,
           memory.blur_sums);
    LAUNCH(blur_rows<C>, blur_blocks, kThreads, 0, stream, memory.block, size, blur_pieces, memory.blur_sums, y);
}

}  // namespace

void KernelBackend::augment(std::span<const ImageView> images, std::span<const AugmentParams> params, int64_t size,
                            float* y) {
    if (images.empty()) return;
    const auto n = static_cast<int64_t>(images.size());
    const int64_t C = images[0].C, values = size * size * C;
    // Planned and packed before it is this thread's turn: several threads do it at once.
    const AugmentPlan plan(images, params, size);
    std::unique_ptr<PinnedBuffer> buffer = staging().take(std::bit_ceil(plan.bytes()));
    plan.write(static_cast<unsigned char*>(buffer->data()));
    const auto gray_sums = static_cast<size_t>(n * pieces_of(size * size));
    const auto blur_sums = static_cast<size_t>(plan.blurred_count() * values);

    side_lane().run(y, static_cast<size_t>(n * values) * sizeof(float), [&](SideLane::Turn& turn) {
        auto* block = static_cast<unsigned char*>(turn.scratch(plan.bytes()));
        auto* sums = static_cast<float*>(turn.scratch((gray_sums + blur_sums) * sizeof(float)));
        check_cuda(cudaMemcpyAsync(block, buffer->data(), plan.bytes(), cudaMemcpyHostToDevice, turn.stream()),
                   fmt::format("the upload of {} images to augment, {} bytes", n, plan.bytes()));
        buffer->event().record(turn.stream());
        const Memory memory = {plan.block_at(block), sums, sums + gray_sums};
        const auto side = static_cast<int>(size);
        if (C == 1) {
            make_views<1>(memory, n, plan.blurred_count(), side, y, turn.stream());
        } else {
            make_views<3>(memory, n, plan.blurred_count(), side, y, turn.stream());
        }
    });
    staging().give_back(std::move(buffer));
}

}  // namespace moco::cuda
