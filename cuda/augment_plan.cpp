#include "cuda/augment_plan.h"

#include <algorithm>
#include <cstring>

namespace moco::cuda {
namespace {

constexpr size_t kAlignment = 16;

template <typename T>
void write_all(const std::vector<T>& values, unsigned char* target) {
    if (!values.empty()) std::memcpy(target, values.data(), values.size() * sizeof(T));
}

void write_axis(const AxisTaps& taps, const PackedAxis& at, unsigned char* block) {
    auto* start = reinterpret_cast<int32_t*>(block + at.start);
    for (const int64_t pixel : taps.start) *start++ = static_cast<int32_t>(pixel - taps.low);
    write_all(taps.weight, block + at.weight);
}

void write_pixels(const ImageView& image, const AxisTaps& vertical, const AxisTaps& horizontal, unsigned char* target) {
    const auto row_bytes = static_cast<size_t>((horizontal.high - horizontal.low) * image.C);
    const uint8_t* source = image.pixels + (vertical.low * image.W + horizontal.low) * image.C;
    for (int64_t row = vertical.low; row < vertical.high; ++row) {
        std::memcpy(target, source, row_bytes);
        target += row_bytes;
        source += image.W * image.C;
    }
}

int32_t first_contrast(const ColourSteps& colours) {
    int32_t i = 0;
    while (i < colours.count && colours.step[i].op != ColourOp::contrast) ++i;
    return i;
}

}  // namespace

AugmentPlan::AugmentPlan(std::span<const ImageView> images, std::span<const AugmentParams> params, int64_t size) {
    views_.reserve(images.size());
    for (size_t i = 0; i < images.size(); ++i) plan_view(images[i], params[i], size);
    views_at_ = reserve(views_.size() * sizeof(PackedView));
    blurred_at_ = reserve(blurred_.size() * sizeof(int32_t));
}

int64_t AugmentPlan::reserve(size_t bytes) {
    const size_t at = bytes_;
    bytes_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return static_cast<int64_t>(at);
}

PackedAxis AugmentPlan::reserve_axis(const AxisTaps& taps) {
    PackedAxis axis;
    axis.start = reserve(taps.start.size() * sizeof(int32_t));
    axis.weight = reserve(taps.weight.size() * sizeof(float));
    axis.taps = static_cast<int32_t>(taps.taps);
    return axis;
}

void AugmentPlan::plan_view(const ImageView& image, const AugmentParams& p, int64_t size) {
    View& view = views_.emplace_back();
    view.image = image;
    // The flip commutes with every later step, so that it costs nothing when the crop is taken mirrored.
    const Direction direction = p.flip ? Direction::reversed : Direction::forward;
    plan_axis(view.vertical, p.sampling, p.crop_y, p.crop_h, image.H, size, Direction::forward);
    plan_axis(view.horizontal, p.sampling, p.crop_x, p.crop_w, image.W, size, direction);
    if (p.blur_sigma > 0) view.window = blur_window(p.blur_sigma, size);

    PackedView& packed = view.packed;
    packed.vertical = reserve_axis(view.vertical);
    packed.horizontal = reserve_axis(view.horizontal);
    packed.row_bytes = (view.horizontal.high - view.horizontal.low) * image.C;
    packed.pixels = reserve(static_cast<size_t>((view.vertical.high - view.vertical.low) * packed.row_bytes));
    packed.colours = colour_steps(p, image.C);
    packed.contrast_at = first_contrast(packed.colours);
    packed.blur_radius = view.window.empty() ? 0 : static_cast<int32_t>(view.window.size()) - 1;
    packed.blur_weight = reserve(view.window.size() * sizeof(float));
    if (packed.blur_radius > 0) blurred_.push_back(static_cast<int32_t>(views_.size()) - 1);
    for (size_t c = 0; c < 3; ++c) {
        packed.mean[c] = p.mean[c];
        packed.inv_std[c] = 1 / p.std[c];
    }
}

void AugmentPlan::write(unsigned char* block) const {
    auto* packed = reinterpret_cast<PackedView*>(block + views_at_);
    for (const View& view : views_) {
        *packed++ = view.packed;
        write_axis(view.vertical, view.packed.vertical, block);
        write_axis(view.horizontal, view.packed.horizontal, block);
        write_pixels(view.image, view.vertical, view.horizontal, block + view.packed.pixels);
        write_all(view.window, block + view.packed.blur_weight);
    }
    write_all(blurred_, block + blurred_at_);
}

PackedBlock AugmentPlan::block_at(const unsigned char* device) const {
    return {device, views_at_, blurred_at_};
}

}  // namespace moco::cuda
