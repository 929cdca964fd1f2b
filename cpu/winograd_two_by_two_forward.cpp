// The convolution of 2x2 images forward, and backward for the data: the same with rotated, transposed weights.
//
// A piece of work is a panel of result channels for some of the images: it transforms the panel's weights, which stay
// in its core's cache, then takes the images through everything block by block. Every panel transforms the images anew:
// that takes less time than to share them, or the weights, among the cores.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/scratch.h"
#include "cpu/winograd.h"
#include "cpu/winograd_two_by_two.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/winograd_two_by_two_forward.cpp"  // this file
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"
#include "cpu/winograd_two_by_two-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Floats beyond the values of a row or a point, so that they do not fall into the same cache sets; a whole vector, so
/// that the last one of a row may be stored.
constexpr int64_t kPad = 16;
/// Images that go through everything together: about a dozen, in whole micro-tiles.
constexpr int64_t kBlockImages = divide_up(12, kMaxRows) * kMaxRows;

/// A convolution from K to M channels: forward K = IC, M = OC; backward for the data K = OC, M = IC.
struct Problem {
    int64_t N, K, M;
    const float* input;   // N,2,2,K
    const float* weight;  // OC,3,3,IC
    float* result;        // N,2,2,M
    ConvPass pass;

    int64_t panels() const { return panel_count(M); }
    int64_t columns(int64_t panel) const { return std::min(kPanel, M - panel * kPanel); }
    int64_t u_point() const { return K * kPanel + kPad; }
    int64_t u_panel() const { return kTwoByTwoPoints * u_point(); }
    int64_t v_row() const { return K + kPad; }
    int64_t v_point(int64_t images) const { return images * v_row() + kPad; }
};

/// u (9 points x K x kPanel) = a panel's transformed weights.
void transform_weights(const Problem& p, int64_t panel, float* u) {
    constexpr int64_t kDepth = 32;  // of what is transformed together
    const int64_t m = panel * kPanel, columns = p.columns(panel), point = p.u_point();
    const auto transform = [=](const auto& load, float* to) HWY_ATTR {
        transform_2d<3, kTwoByTwoAlong>(TwoByTwoWeight(), load, [=](int h, int w, FloatVector value) HWY_ATTR {
            hn::StoreU(value, FloatTag(), to + (h * kTwoByTwoAlong + w) * point);
        });
    };
    if (p.pass == ConvPass::backward_data) {
        for (int64_t k = 0; k < p.K; ++k)
            for_each_vector(columns, [=](int64_t c, const auto access) HWY_ATTR {
                const float* from = p.weight + k * 9 * p.M + m + c;
                // Rotated: the last tap comes first.
                transform([=](int h, int w) HWY_ATTR { return access.load(from + (8 - (h * 3 + w)) * p.M); },
                          u + k * kPanel + c);
            });
        return;
    }
    for (int64_t k = 0; k < p.K; k += kDepth) {
        const int64_t depth = std::min(kDepth, p.K - k);
        float* here = u + k * kPanel;
        // The taps go where the points will be, and are transformed there.
        for (int64_t tap = 0; tap < 9; ++tap)
            pack_panel_transposed(p.weight + (m * 9 + tap) * p.K + k, 9 * p.K, depth, columns, here + tap * point);
        for (int64_t i = 0; i < depth * kPanel; i += kLanes) {
            const float* from = here + i;
            transform([=](int h, int w) HWY_ATTR { return hn::LoadU(FloatTag(), from + (h * 3 + w) * point); },
                      here + i);
        }
    }
}

/// v (9 points, `point` floats apart, each with p.v_row() floats an image) = the transformed images [begin, end).
void transform_input(const Problem& p, int64_t begin, int64_t end, float* v, int64_t point) {
    for (int64_t n = begin; n < end; ++n, v += p.v_row())
        for_each_vector(p.K, [=](int64_t c, const auto access) HWY_ATTR {
            scatter_image(TwoByTwoInput(), p.input + n * 4 * p.K + c, p.K, v + c, point, access);
        });
}

/// A panel's results of the images [begin, end) from product (9 points x images x kPanel).
void transform_result(const Problem& p, int64_t begin, int64_t end, int64_t panel, const float* product,
                      int64_t point) {
    float* result = p.result + begin * 4 * p.M + panel * kPanel;
    const int64_t columns = p.columns(panel);
    for (int64_t n = begin; n < end; ++n, product += kPanel, result += 4 * p.M)
        for_each_vector(columns, [=](int64_t c, const auto access) HWY_ATTR {
            transform_2d<kTwoByTwoAlong, 2>(
                TwoByTwoOutput(),
                [=](int h, int w)
                    HWY_ATTR { return hn::LoadU(FloatTag(), product + (h * kTwoByTwoAlong + w) * point + c); },
                [=](int h, int w, FloatVector value) HWY_ATTR { access.store(value, result + (h * 2 + w) * p.M + c); });
        });
}

/// A panel's results of the images [begin, end). v: their transformed input, points v_point apart; u: the panel's
/// transformed weights.
void convolve_panel(const Problem& p, int64_t begin, int64_t end, int64_t panel, const float* v, int64_t v_point,
                    const float* u) {
    const int64_t images = end - begin, product_point = images * kPanel + kPad;
    float* product = scratch(ScratchUse::winograd_product, kTwoByTwoPoints * product_point);
    const int64_t padded = p.columns(panel) > kLanes ? kPanel : kLanes;
    for (int point = 0; point < kTwoByTwoPoints; ++point)
        multiply_rows(images, StridedTile{v + point * v_point, p.v_row(), u + point * p.u_point(), p.K,
                                          product + point * product_point, kPanel, padded, Store::replace});
    transform_result(p, begin, end, panel, product, product_point);
}

void convolve(const Problem& p) {
    // The most images that a panel's weights are transformed for: fewer where a few panels make all the work.
    constexpr int64_t kMostImages = 256, kPanelImages = 64;
    const int64_t parts = divide_up(p.N, std::min(kMostImages, p.panels() * kPanelImages));
    const int64_t v_point = p.v_point(kBlockImages);
    parallel_for(p.panels() * parts, 1, [&](int64_t piece, int64_t) {
        const int64_t panel = piece / parts, part = piece % parts;
        const int64_t first = p.N * part / parts, images = p.N * (part + 1) / parts - first;
        float* u = scratch(ScratchUse::winograd_weight, p.u_panel());
        float* v = scratch(ScratchUse::winograd_input, kTwoByTwoPoints * v_point);
        transform_weights(p, panel, u);
        for (int64_t block = 0, blocks = divide_up(images, kBlockImages); block < blocks; ++block) {
            const int64_t begin = first + images * block / blocks, end = first + images * (block + 1) / blocks;
            transform_input(p, begin, end, v, v_point);
            convolve_panel(p, begin, end, panel, v, v_point, u);
        }
    });
}

}  // namespace

void two_by_two_forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    convolve({d.N, d.IC, d.OC, x, weight, y, ConvPass::forward});
}

void two_by_two_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    convolve({d.N, d.OC, d.IC, dy, weight, dx, ConvPass::backward_data});
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(two_by_two_forward);
HWY_EXPORT(two_by_two_backward_data);

void winograd_two_by_two_forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    HWY_DYNAMIC_DISPATCH(two_by_two_forward)(d, x, weight, y);
}

void winograd_two_by_two_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    HWY_DYNAMIC_DISPATCH(two_by_two_backward_data)(d, dy, weight, dx);
}

}  // namespace moco::cpu
#endif
