// The kNN accuracy of raw pixels: the baseline that every feature has to beat.
#pragma once

#include <cstdint>
#include <optional>

#include "moco/data/dataset.h"
#include "moco/eval/features.h"
#include "moco/eval/knn.h"
#include "moco/eval/knn_results.h"

namespace moco {

/// Bytes of pixels (f32) that are held at a time. Every block of test images takes a pass over the training images.
struct PixelBlocks {
    int64_t queries = int64_t{1} << 30;
    int64_t bank = int64_t{1} << 28;
};

/// The labelled test images (of all_but_itself, the training images) classified by the labelled training images, by
/// their transformed pixels. Both are read block by block, so that memory grows neither with their number nor with
/// their size. The predictions' indices count the labelled images. Nothing if options.stop became true on the way.
/// Throws Error if a part has no image that can be read, or no label.
std::optional<KnnResults> pixel_knn_results(const Splits& data, const EvalTransform& transform,
                                            const FeatureOptions& options, const KnnPlan& plan, Backend& backend,
                                            const PixelBlocks& blocks = {});

/// Percent of the test images that one vote classifies rightly.
std::optional<double> pixel_knn_accuracy(const Splits& data, const EvalTransform& transform,
                                         const FeatureOptions& options, const KnnOptions& knn, Backend& backend,
                                         const PixelBlocks& blocks = {});

}  // namespace moco
