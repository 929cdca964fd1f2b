// CKA between all layers of several networks over the same images.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "moco/data/dataset.h"
#include "moco/data/transforms.h"
#include "nn/network.h"

namespace moco {

/// A network that is compared. It must outlive whoever holds this.
struct ComparedNetwork {
    std::string name;
    Network* f = nullptr;
    EvalTransform transform;
};

struct SimilarityOptions {
    int64_t minibatch = 250;  // images of one Gram matrix
    int workers = 1;
    int64_t limit = 0;                             // the first images only; 0: all
    std::function<void(int64_t images)> progress;  // after every minibatch
};

struct LayerSimilarity {
    std::vector<std::vector<std::string>> layers;  // of each network, from the images up
    std::vector<double> cka;                       // L x L (CkaSums::cka), L: the layers of all networks in order
    int64_t minibatches = 0, images = 0;

    /// Where the layers of network i begin; for i = layers.size() the end.
    int64_t first(size_t i) const;
    /// Between layer x of network i and layer y of network j.
    double at(size_t i, int64_t x, size_t j, int64_t y) const;
};

/// Layers are what Encoder::forward_showing shows, then "pooled", then "head" where there is one. Of a map all H * W *
/// C numbers count, not its mean: an n x n Gram matrix costs little more, and where in an image something is belongs to
/// what an early layer says. Streams over the images: memory grows with a minibatch. A minibatch in which fewer than
/// half of the images are left (the last one, unreadable images) is not counted. Networks are in eval mode. Throws
/// Error when there are fewer images than one minibatch holds.
LayerSimilarity layer_similarity(const std::vector<ComparedNetwork>& networks, const DatasetPtr& data,
                                 const SimilarityOptions& options, Backend& backend);

}  // namespace moco
