// One loop over the evaluation loader; what a batch of images becomes is the caller's.
#include "moco/eval/features.h"

#include <algorithm>
#include <iterator>

#include "core/autograd.h"
#include "nn/eval_mode.h"
#include "ops/global_avg_pool.h"
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

struct StageBuffer {
    std::string name;
    RowBuffer buffer;
};

/// That of `stage`: `fresh` where it has none yet.
RowBuffer& buffer_of(const std::string& stage, std::vector<StageBuffer>& stages, const RowBuffer& fresh) {
    const auto is_its = [&](const StageBuffer& one) { return one.name == stage; };
    auto found = std::find_if(stages.begin(), stages.end(), is_its);
    if (found == stages.end()) found = stages.insert(stages.end(), StageBuffer{stage, fresh});
    return found->buffer;
}

int64_t batch_of(const DatasetPtr& data, const EvalTransform& transform, const FeatureOptions& options) {
    return options.batch > 0 ? options.batch : images_per_pass(output_size(transform, data->info()));
}

/// Calls encode(batch) for every batch of `data` and notes which images the rows belong to.
template <typename Encode>
Features for_every_batch(const DatasetPtr& data, const EvalTransform& transform, const FeatureOptions& options,
                         Backend& backend, const Encode& encode) {
    EvalLoader loader(data, transform,
                      {batch_of(data, transform, options), options.workers, 2, options.limit, options.change}, backend);
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
    const int64_t rows = rows_of(data, options);
    RowBuffer backbone(rows, options.rows), projection(rows, options.rows);
    std::vector<StageBuffer> stages;
    ShowLayer show;
    if (wants(FeatureLayer::stages)) {
        show = [&](const EncoderLayer& layer, const Tensor& y) {
            if (layer.ends_stage) buffer_of(layer.stage, stages, {rows, options.rows}).append(global_avg_pool(y));
        };
    }
    Features features = for_every_batch(data, transform, options, backend, [&](const EvalBatch& batch) {
        const Tensor pooled = f.encoder().forward_showing(batch.images, show);
        if (wants(FeatureLayer::backbone)) backbone.append(pooled);
        if (wants(FeatureLayer::projection)) projection.append(f.project(pooled));
    });
    features.backbone = backbone.rows();
    features.projection = projection.rows();
    for (const StageBuffer& stage : stages) features.stages.push_back({stage.name, stage.buffer.rows()});
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
