// Augmented views on the CPU: the order of the steps, one view at a time on the calling thread. The pixel operators are
// in augment_pixels.h.
#include <vector>

#include "core/augment_steps.h"
#include "cpu/augment_pixels.h"
#include "cpu/backend_impl.h"

namespace moco::cpu {
namespace {

/// Memory that a thread keeps between views.
struct Scratch {
    AxisTaps vertical, horizontal;
    std::vector<float> row, view, blurred;
};

void apply(const ColourStep& step, float* view, int64_t count, int64_t C) {
    switch (step.op) {
        case ColourOp::grayscale:
            return to_grayscale(view, count);
        case ColourOp::brightness:
            return adjust_brightness(view, count, C, step.amount);
        case ColourOp::contrast:
            return adjust_contrast(view, count, C, step.amount);
        case ColourOp::saturation:
            return adjust_saturation(view, count, step.amount);
        case ColourOp::hue:
            return adjust_hue(view, count, step.amount);
    }
}

void augment_view(const ImageView& image, const AugmentParams& p, int64_t size, Scratch& s, float* y) {
    const int64_t count = size * size, C = image.C;
    s.view.resize(static_cast<size_t>(count * C));
    // The flip commutes with every later step, so that it costs nothing when the crop writes mirrored.
    const Direction direction = p.flip ? Direction::reversed : Direction::forward;
    plan_axis(s.vertical, p.sampling, p.crop_y, p.crop_h, image.H, size, Direction::forward);
    plan_axis(s.horizontal, p.sampling, p.crop_x, p.crop_w, image.W, size, direction);
    resample(image, s.vertical, s.horizontal, size, s.row, s.view.data());
    const ColourSteps colours = colour_steps(p, C);
    for (int32_t i = 0; i < colours.count; ++i) apply(colours.step[i], s.view.data(), count, C);
    if (p.blur_sigma > 0) {
        s.blurred.resize(s.view.size());
        gaussian_blur(s.view.data(), size, C, blur_window(p.blur_sigma, size), s.row, s.blurred.data());
        s.view.swap(s.blurred);
    }
    normalize_interleave(s.view.data(), count, C, p.mean.data(), p.std.data(), y);
}

}  // namespace

void CpuBackend::augment(std::span<const ImageView> images, std::span<const AugmentParams> params, int64_t size,
                         float* y) {
    thread_local Scratch scratch;
    for (size_t i = 0; i < images.size(); ++i) {
        augment_view(images[i], params[i], size, scratch, y);
        y += size * size * images[i].C;
    }
}

}  // namespace moco::cpu
