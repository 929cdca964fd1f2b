// Features of a whole data set: f_q in evaluation mode over every image, decoded by several threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "moco/data/loader.h"
#include "moco/eval/knn.h"

namespace moco {

class Network;

/// backbone: pooled features, n x feature_dim. projection: the head's output, n x C. stages: what each stage of the
/// encoder puts out, pooled.
enum class FeatureLayer { backbone, projection, stages };

/// Rows as the network gives them, or each divided by its L2 norm as it arrives (a search then needs no copy of them).
enum class FeatureRows { as_given, normalised };

struct FeatureOptions {
    std::vector<FeatureLayer> layers = {FeatureLayer::backbone, FeatureLayer::projection};
    FeatureRows rows = FeatureRows::as_given;
    int64_t batch = 0;                             // images a forward pass; 0: images_per_pass
    int workers = 1;                               // threads that decode; 0: the calling thread
    int64_t limit = 0;                             // the first images only; 0: all
    ViewChange change = nullptr;                   // of every image, beyond the transform
    const std::atomic<bool>* stop = nullptr;       // when it becomes true: give up, the result says so
    std::function<void(int64_t images)> progress;  // called after every batch with the images done so far
};

/// How many images of size x size pixels go through a network at a time: 250, or fewer where they are large, so that an
/// evaluation takes less memory than training.
int64_t images_per_pass(int64_t size);

/// A stage's output over all images.
struct StageRows {
    std::string stage;
    Tensor rows;  // n x channels of the stage, each the mean of its map
};

/// Rows in the data set's order. Unreadable images are left out and named.
struct Features {
    Tensor backbone;                     // n x feature_dim; undefined unless asked for
    Tensor projection;                   // n x C; undefined unless asked for
    std::vector<StageRows> stages;       // from the images up; none unless asked for
    std::vector<int64_t> indices;        // n: of the rows within the data set
    std::vector<int64_t> labels;         // n: -1 where unlabelled
    std::vector<Unreadable> unreadable;  // images without a row
    bool stopped = false;                // `stop` became true: the rows are not complete
};

/// Runs f over `data`, in eval mode; f's mode is then as before. Throws Error if no image can be read.
Features extract_features(Network& f, const DatasetPtr& data, const EvalTransform& transform,
                          const FeatureOptions& options, Backend& backend);

/// The transformed pixels themselves as rows (size * size * channels each), in the data set's order, those with a label
/// only: calls `visit` with as many as take `most_bytes` (but at least a batch), again and again. The rows are valid
/// during the call. False if options.stop became true on the way; options.layers has no meaning. Throws Error if no
/// image can be read.
bool visit_pixels(const DatasetPtr& data, const EvalTransform& transform, const FeatureOptions& options,
                  int64_t most_bytes, Backend& backend, const std::function<void(const LabelledRows&)>& visit);

}  // namespace moco
