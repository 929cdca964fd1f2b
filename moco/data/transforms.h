// Evaluation transforms: what happens to an image before features are taken from it. Nothing here is random.
#pragma once

#include <string>

#include "core/augment.h"
#include "moco/data/dataset.h"

namespace moco {

enum class TransformKind {
    none,         // the image as it is; all must be square and of one size
    resize_crop,  // shorter side to `resize` (bilinear, antialiased), then the middle `crop` x `crop` pixels
};

/// `none`, or a resize and a crop; both end with the normalisation. As torchvision's Resize, CenterCrop, Normalize.
struct EvalTransform {
    TransformKind kind = TransformKind::none;
    int64_t resize = 256, crop = 224;
};

/// "none"; "imagenet-eval" (256, 224); "resize-crop:R:C". Throws Error listing them otherwise.
EvalTransform transform_named(const std::string& name);

/// The transform a data set is usually evaluated under: none when all its images are square and of one size `size` (the
/// size the network was trained at; 0: any), else resize to size * 8 / 7 and crop `size`.
EvalTransform default_transform(const DatasetInfo& info, int64_t size);

/// Side of the resulting images. Throws Error when `none` is asked of images of many sizes.
int64_t output_size(const EvalTransform& transform, const DatasetInfo& info);

/// The parameters that make Backend::augment do this to an H x W image. Throws Error for `none` when H x W is not
/// `size` x `size`, or when the crop is larger than the resized image.
AugmentParams evaluation_params(const EvalTransform& transform, const Normalization& normalization, int64_t size,
                                int64_t H, int64_t W);

}  // namespace moco
