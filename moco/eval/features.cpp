// One loop over the evaluation loader; what a batch of images becomes is the caller's.
#include "moco/eval/features.h"

#include <algorithm>
#include <iterator>

#include "core/autograd.h"
#include "nn/eval_mode.h"
#include "ops/l2_normalize.h"

namespace moco {
namespace {

/// Rows that arrive batch by batch, for up to `capacity` images.
class RowBuffer {
  public:
    RowBuffer(int64_t capacity, FeatureRows kind) : capacity_(capacity), kind_(kind) {}

    void append(const Tensor& given) {
        const Tensor batch = kind_ == FeatureRows::normalised ? l2_normalize(given) : given;
        if (!rows_.defined()) rows_ = Tensor::empty({capacity_, batch.dim(1)}, batch.dtype(), batch.backend());
        rows_.rows(used_, used_ + batch.dim(0)).copy_from(batch);
        used_ += batch.dim(0);
    }
    bool has_room(int64_t rows) const { return used_ + rows <= capacity_; }
    void clear() { used_ = 0; }
    /// Those that arrived; undefined if nothing was ever appended.
    Tensor rows() const { return rows_.defined() ? rows_.rows(0, used_) : Tensor(); }

  private:
    int64_t capacity_, used_ = 0;
    FeatureRows kind_;
    Tensor rows_;
};

int64_t batch_of(const DatasetPtr& data, const EvalTransform& transform, const FeatureOptions& options) {
    return options.batch > 0 ? options.batch : images_per_pass(output_size(transform, data->info()));
}

/// Calls encode(batch) for every batch of `data` and notes which images the rows belong to.
template <typename Encode>
Features for_every_batch(const DatasetPtr& data, const EvalTransform& transform, const FeatureOptions& options,
                         Backend& backend, const Encode& encode) {
    EvalLoader loader(data, transform, {batch_of(data, transform, options), options.workers, 2, options.limit},
                      backend);
    const NoGrad features_take_no_gradient;
    Features features;
    int64_t images = 0;
    while (std::optional<EvalBatch> batch = loader.next()) {
        if (options.stop && options.stop->load()) {
            features.stopped = true;
            break;
        }
        if (!batch->indices.empty()) encode(*batch);
        for (const int64_t index : batch->indices) {
            features.indices.push_back(index);
            features.labels.push_back(data->label(index));
        }
        std::move(batch->unreadable.begin(), batch->unreadable.end(), std::back_inserter(features.unreadable));
        images += static_cast<int64_t>(batch->indices.size());
        if (options.progress) options.progress(images);
    }
    check(images > 0 || features.stopped, "{}: none of the {} images can be read; the first: {}", data->info().name,
          data->count(), features.unreadable.empty() ? "there are none" : features.unreadable.front().reason);
    return features;
}

int64_t rows_of(const DatasetPtr& data, const FeatureOptions& options) {
    return options.limit > 0 ? std::min(options.limit, data->count()) : data->count();
}

}  // namespace

int64_t images_per_pass(int64_t size) {
    constexpr int64_t kMost = 250, kPixels = kMost * 64 * 64;
    return std::clamp<int64_t>(kPixels / (size * size), 1, kMost);
}

Features extract_features(Network& f, const DatasetPtr& data, const EvalTransform& transform,
                          const FeatureOptions& options, Backend& backend) {
    const auto wants = [&](FeatureLayer layer) {
        return std::find(options.layers.begin(), options.layers.end(), layer) != options.layers.end();
    };
    const InEvalMode eval_mode(f);
    RowBuffer backbone(rows_of(data, options), options.rows), projection(rows_of(data, options), options.rows);
    Features features = for_every_batch(data, transform, options, backend, [&](const EvalBatch& batch) {
        const Tensor pooled = f.features(batch.images);
        if (wants(FeatureLayer::backbone)) backbone.append(pooled);
        if (wants(FeatureLayer::projection)) projection.append(f.project(pooled));
    });
    features.backbone = backbone.rows();
    features.projection = projection.rows();
    return features;
}

bool visit_pixels(const DatasetPtr& data, const EvalTransform& transform, const FeatureOptions& options,
                  int64_t most_bytes, Backend& backend, const std::function<void(const LabelledRows&)>& visit) {
    const int64_t side = output_size(transform, data->info()), width = side * side * data->info().channels;
    const int64_t fit = most_bytes / (width * static_cast<int64_t>(sizeof(float)));
    RowBuffer pixels(std::min(rows_of(data, options), std::max(fit, batch_of(data, transform, options))), options.rows);
    std::vector<int64_t> labels;
    const auto pass_on = [&] {
        if (labels.empty()) return;
        visit(labelled_rows(pixels.rows(), labels));
        pixels.clear();
        labels.clear();
    };
    const Features features = for_every_batch(data, transform, options, backend, [&](const EvalBatch& batch) {
        if (!pixels.has_room(batch.images.dim(0))) pass_on();
        pixels.append(batch.images.viewed_as({batch.images.dim(0), width}));
        for (const int64_t index : batch.indices) labels.push_back(data->label(index));
    });
    if (!features.stopped) pass_on();
    return !features.stopped;
}

}  // namespace moco
