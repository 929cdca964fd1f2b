// Augmented views on their way to the device: what the kernels of augment.cu read, planned on the host (by the same
// functions as the CPU's views) and packed, with the pixels, into one block of bytes that goes up in one copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/augment.h"
#include "core/augment_steps.h"
#include "core/augment_taps.h"

namespace moco::cuda {

/// core/augment_taps.h's AxisTaps: where in the block they lie, in bytes.
struct PackedAxis {
    int64_t start;   // one int32_t an output, from the first pixel that was packed
    int64_t weight;  // `taps` floats an output
    int32_t taps;
};

/// One view as the kernels see it.
struct PackedView {
    PackedAxis vertical, horizontal;
    int64_t pixels;     // the part of the image that is read, in bytes from the block's begin
    int64_t row_bytes;  // of that part
    ColourSteps colours;
    int32_t contrast_at;  // the step that needs the mean of the grey image; colours.count if there is none
    int32_t blur_radius;  // 0: no blur
    int64_t blur_weight;  // blur_radius + 1 floats, in bytes from the block's begin
    float mean[3], inv_std[3];
};

/// A block in device memory, aligned to 16.
struct PackedBlock {
    const unsigned char* bytes;
    int64_t views;    // where the PackedViews lie
    int64_t blurred;  // where the indices of those with a blur lie: int32_t
};

/// Plans a call of Backend::augment, and packs it.
class AugmentPlan {
  public:
    /// `images` must live as long as this object.
    AugmentPlan(std::span<const ImageView> images, std::span<const AugmentParams> params, int64_t size);

    size_t bytes() const { return bytes_; }
    int64_t blurred_count() const { return static_cast<int64_t>(blurred_.size()); }
    /// Writes the block: bytes() bytes, aligned to 16.
    void write(unsigned char* block) const;
    /// What a copy of the block at `device` is for the kernels.
    PackedBlock block_at(const unsigned char* device) const;

  private:
    struct View {
        ImageView image;
        AxisTaps vertical, horizontal;
        std::vector<float> window;
        PackedView packed = {};
    };
    int64_t reserve(size_t bytes);
    PackedAxis reserve_axis(const AxisTaps& taps);
    void plan_view(const ImageView& image, const AugmentParams& params, int64_t size);

    std::vector<View> views_;
    std::vector<int32_t> blurred_;
    size_t bytes_ = 0;
    int64_t views_at_ = 0, blurred_at_ = 0;
};

}  // namespace moco::cuda
