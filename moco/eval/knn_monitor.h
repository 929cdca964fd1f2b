// The kNN monitor of a run: how good the features are, without training anything on top of them.
#pragma once

#include <atomic>
#include <optional>

#include "moco/config.h"
#include "moco/data/dataset.h"
#include "moco/eval/features.h"
#include "moco/study/progress.h"

namespace moco {

/// Classifies the test images by the train images' features, both under the evaluation transform. One thread.
class KnnMonitor {
  public:
    /// `data` must be labelled (monitors(data)); `backend` must outlive the monitor.
    KnnMonitor(const Splits& data, const RunConfig& config, Backend& backend, ProgressObserver& observer);

    /// Whether a data set has what the monitor needs: labelled training images and a labelled test set.
    static bool monitors(const Splits& data);

    /// Accuracy of f's backbone and projection; nothing if `stop` became true on the way. f's mode stays as it was.
    std::optional<KnnReport> evaluate(ResNet& f, const std::atomic<bool>& stop);
    /// Accuracy of the raw pixels; nothing if `stop` became true on the way.
    std::optional<double> evaluate_pixels(const std::atomic<bool>& stop);

  private:
    /// What a bank and a test set of rows are worth.
    double accuracy(const Tensor& bank, const Features& train, const Tensor& queries, const Features& test) const;
    void note_unreadable(const Features& features, const DatasetPtr& data);

    const Splits& data_;
    const RunConfig& config_;
    Backend& backend_;
    ProgressObserver& observer_;
    EvalTransform transform_;
    FeatureOptions options_;
};

}  // namespace moco
