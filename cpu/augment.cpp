// Augmented views on the CPU: the order of the steps, one view at a time on the calling thread. The pixel operators are
// in augment_pixels.h.
#include <vector>

#include "cpu/augment_pixels.h"
#include "cpu/backend_impl.h"

namespace moco::cpu {
namespace {

/// Memory that a thread keeps between views.
struct Scratch {
    AxisTaps vertical, horizontal;
    std::vector<float> row, view, blurred;
};

void jitter(const AugmentParams& p, float* view, int64_t count, int64_t C) {
    for (const JitterOp op : p.jitter_order) {
        switch (op) {
            case JitterOp::brightness:
                if (p.brightness != 1) adjust_brightness(view, count, C, p.brightness);
                break;
            case JitterOp::contrast:
                if (p.contrast != 1) adjust_contrast(view, count, C, p.contrast);
                break;
            case JitterOp::saturation:
                if (p.saturation != 1 && C == 3) adjust_saturation(view, count, p.saturation);
                break;
            case JitterOp::hue:
                if (p.hue != 0 && C == 3) adjust_hue(view, count, p.hue);
                break;
        }
    }
}

void colour_steps(const AugmentParams& p, float* view, int64_t count, int64_t C) {
    const bool gray = p.grayscale && C == 3;
    if (gray && p.order == AugmentOrder::v1) to_grayscale(view, count);
    if (p.jitter) jitter(p, view, count, C);
    if (gray && p.order != AugmentOrder::v1) to_grayscale(view, count);
}

void augment_view(const ImageView& image, const AugmentParams& p, int64_t size, Scratch& s, float* y) {
    const int64_t count = size * size, C = image.C;
    s.view.resize(static_cast<size_t>(count * C));
    // The flip commutes with every later step, so that it costs nothing when the crop writes mirrored.
    const Direction direction = p.flip ? Direction::reversed : Direction::forward;
    plan_axis(s.vertical, p.sampling, p.crop_y, p.crop_h, image.H, size, Direction::forward);
    plan_axis(s.horizontal, p.sampling, p.crop_x, p.crop_w, image.W, size, direction);
    resample(image, s.vertical, s.horizontal, size, s.row, s.view.data());
    colour_steps(p, s.view.data(), count, C);
    if (p.blur_sigma > 0) {
        s.blurred.resize(s.view.size());
        gaussian_blur(s.view.data(), size, C, p.blur_sigma, s.row, s.blurred.data());
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
