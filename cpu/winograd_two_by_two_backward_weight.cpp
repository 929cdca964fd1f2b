// The convolution of 2x2 images backward for the weights: at each of the 9 points, a product of transformed gradients
// and transformed input, summed over all images, and transformed back.
//
// A piece of work is a block of weights: it transforms the block's channels of a chunk of images, multiplies them and
// adds what it has transformed back to dweight, all within its core's cache. Blocks transform the same channels anew:
// that takes less time than to share them among the cores.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/scratch.h"
#include "cpu/winograd_parts.h"
#include "cpu/winograd_two_by_two.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/winograd_two_by_two_backward_weight.cpp"  // this file
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"
#include "cpu/winograd_two_by_two-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Floats between the points of a product, kPanel IC for kPanel OC.
constexpr int64_t kProductPoint = kPanel * kPanel + 16;

/// Channels of a chunk of images N,2,2,`all`, and where their transforms lie; a tile is an image.
struct Operand : TileLayout<kTwoByTwoPoints, kPanel> {
    const float* images;  // at the first of the channels
    int64_t all;
};

/// t (9 points, as Operand tells) = the transform of an operand.
template <typename Transform>
void transform_images(const Operand& operand, const Transform& transform_1d, float* t) {
    const int64_t point_step = operand.point_step();
    const float* image = operand.images;
    for (int64_t n = 0; n < operand.tiles; ++n, image += 4 * operand.all)
        for_each_vector(operand.channels, [=, &operand](int64_t c, const auto access) HWY_ATTR {
            scatter_image(transform_1d, image + c, operand.all, t + operand.place(n, c), point_step, access);
        });
}

/// Adds a product, `columns` IC for `rows` OC, to the weights from `dweight` on, of IC input channels.
void transform_product(const float* product, int64_t rows, int64_t columns, Store store, float* dweight, int64_t IC) {
    for (int64_t oc = 0; oc < rows; ++oc, product += kPanel, dweight += 9 * IC)
        for_each_vector(columns, [=](int64_t c, const auto access) HWY_ATTR {
            transform_2d<kTwoByTwoAlong, 3>(
                TwoByTwoWeightGradient(),
                [=](int h, int w)
                    HWY_ATTR { return hn::LoadU(FloatTag(), product + (h * kTwoByTwoAlong + w) * kProductPoint + c); },
                [=](int h, int w, FloatVector value) HWY_ATTR {
                    float* tap = dweight + (h * 3 + w) * IC + c;
                    access.store(store == Store::add ? hn::Add(value, access.load(tap)) : value, tap);
                });
        });
}

/// Adds a chunk's part to the weights of a panel of OC and a block of IC, from `dweight` on. v: x's transform, g: dy's.
void multiply_panel(const Operand& x, const float* v, const Operand& dy, const float* g, Store store, float* dweight) {
    float* product = scratch(ScratchUse::winograd_product, kTwoByTwoPoints * kProductPoint);
    const int64_t rows = dy.channels;
    for (int64_t panel = 0; panel < x.panels(); ++panel) {
        const int64_t columns = std::min(kPanel, x.channels - panel * kPanel);
        for (int point = 0; point < kTwoByTwoPoints; ++point)
            for (int64_t i = 0; i < tile_count(rows); ++i) {
                const int64_t oc = tile_begin(rows, i);
                const float* a = g + point * dy.point_step() + oc;
                const float* b = v + point * x.point_step() + panel * x.panel_step();
                multiply(tile_begin(rows, i + 1) - oc,
                         ColumnTile{&a, &b, &x.tiles, 1, kPanel, kPanel, product + point * kProductPoint + oc * kPanel,
                                    kPanel, columns > kLanes ? kPanel : kLanes, Store::replace});
            }
        transform_product(product, rows, columns, store, dweight + panel * kPanel, x.all);
    }
}

}  // namespace

void two_by_two_backward_weight(const Conv2dDims& d, const float* x_images, const float* dy_images, float* dweight) {
    // A block is so many channels wide and high, less where it would be one of few.
    constexpr int64_t kWide = std::max<int64_t>(64, kPanel), kNarrow = std::max<int64_t>(32, kPanel);
    constexpr int64_t kManyWeights = 128 * 128;
    constexpr int64_t kChunkImages = 128;
    const int64_t block = d.IC * d.OC >= kManyWeights ? kWide : kNarrow;
    const int64_t across = divide_up(d.IC, block), down = divide_up(d.OC, block), chunks = divide_up(d.N, kChunkImages);
    parallel_for(across * down, 1, [&](int64_t piece, int64_t) {
        const int64_t ic = piece % across * block, oc_begin = piece / across * block;
        const int64_t oc_end = std::min(oc_begin + block, d.OC);
        for (int64_t i = 0; i < chunks; ++i) {
            const int64_t begin = d.N * i / chunks, count = d.N * (i + 1) / chunks - begin;
            const Operand x{{std::min(block, d.IC - ic), count}, x_images + begin * 4 * d.IC + ic, d.IC};
            float* v = scratch(ScratchUse::winograd_input, x.count());
            transform_images(x, TwoByTwoInput(), v);
            for (int64_t oc = oc_begin; oc < oc_end; oc += kPanel) {
                const Operand dy{{std::min(kPanel, oc_end - oc), count}, dy_images + begin * 4 * d.OC + oc, d.OC};
                float* g = scratch(ScratchUse::winograd_gradient, dy.count());
                transform_images(dy, TwoByTwoGradient(), g);
                multiply_panel(x, v, dy, g, i == 0 ? Store::replace : Store::add, dweight + oc * 9 * d.IC + ic);
            }
        }
    });
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(two_by_two_backward_weight);

void winograd_two_by_two_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    HWY_DYNAMIC_DISPATCH(two_by_two_backward_weight)(d, x, dy, dweight);
}

}  // namespace moco::cpu
#endif
