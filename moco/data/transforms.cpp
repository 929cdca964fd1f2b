// Evaluation transforms as parameters of Backend::augment: a resize followed by a crop is a crop whose resampling sees
// the image around it.
#include "moco/data/transforms.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/parse.h"

namespace moco {
namespace {

bool parse_size(std::string_view text, int64_t& value) {
    const std::optional<int64_t> number = parse_number<int64_t>(text);
    value = number.value_or(0);
    return value > 0;
}

}  // namespace

EvalTransform transform_named(const std::string& name) {
    if (name == "none") return {};
    if (name == "imagenet-eval") return {TransformKind::resize_crop, 256, 224};
    const std::string_view prefix = "resize-crop:";
    if (name.starts_with(prefix)) {
        const std::string_view numbers = std::string_view(name).substr(prefix.size());
        const size_t colon = numbers.find(':');
        EvalTransform transform = {TransformKind::resize_crop, 0, 0};
        if (colon != std::string_view::npos && parse_size(numbers.substr(0, colon), transform.resize) &&
            parse_size(numbers.substr(colon + 1), transform.crop) && transform.crop <= transform.resize) {
            return transform;
        }
    }
    fail(
        "--transform {} is not known; there are none, imagenet-eval (256, 224) and resize-crop:R:C with R >= C, in "
        "pixels",
        name);
}

EvalTransform default_transform(const DatasetInfo& info, int64_t size) {
    const bool as_they_are = info.H == info.W && info.H > 0;
    if (as_they_are && (size == 0 || size == info.H)) return {};
    const int64_t crop = size > 0 ? size : 224;
    return {TransformKind::resize_crop, crop * 8 / 7, crop};
}

int64_t output_size(const EvalTransform& transform, const DatasetInfo& info) {
    if (transform.kind == TransformKind::resize_crop) return transform.crop;
    check(info.H > 0 && info.H == info.W,
          "--transform none needs square images of one size, but those of {} differ: take imagenet-eval or "
          "resize-crop:R:C",
          info.name);
    return info.H;
}

AugmentParams evaluation_params(const EvalTransform& transform, const Normalization& normalization, int64_t size,
                                int64_t H, int64_t W) {
    AugmentParams p;
    p.sampling = CropSampling::antialias_uncut;
    p.mean = normalization.mean;
    p.std = normalization.std;
    if (transform.kind == TransformKind::none) {
        check(H == size && W == size, "--transform none expects {0} x {0} pixels, the image has {1} x {2} (H x W)",
              size, H, W);
        p.crop_w = p.crop_h = static_cast<float>(size);
        return p;
    }
    // As torchvision: the longer side is rounded down, the crop starts at the rounded half of what is left over.
    const int64_t shorter = std::min(H, W), longer = std::max(H, W);
    const int64_t long_side = transform.resize * longer / shorter;
    const int64_t resized_H = H <= W ? transform.resize : long_side, resized_W = H <= W ? long_side : transform.resize;
    check(transform.crop <= transform.resize, "a crop of {} pixels does not fit into images resized to {}",
          transform.crop, transform.resize);
    const auto offset = [&](int64_t resized) {
        const int64_t twice = resized - transform.crop;  // Python's round: halves go to the even number
        return twice / 2 + (twice % 2 == 1 && twice / 2 % 2 == 1 ? 1 : 0);
    };
    const double scale_y = static_cast<double>(H) / static_cast<double>(resized_H);
    const double scale_x = static_cast<double>(W) / static_cast<double>(resized_W);
    p.crop_y = static_cast<float>(static_cast<double>(offset(resized_H)) * scale_y);
    p.crop_x = static_cast<float>(static_cast<double>(offset(resized_W)) * scale_x);
    p.crop_h = static_cast<float>(static_cast<double>(transform.crop) * scale_y);
    p.crop_w = static_cast<float>(static_cast<double>(transform.crop) * scale_x);
    return p;
}

}  // namespace moco
