// The kNN monitor of a run: how good the features are, without training anything on top of them.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "moco/data/dataset.h"
#include "moco/eval/features.h"
#include "moco/eval/knn.h"

namespace moco {

/// Accuracies in percent; unset where a layer is not there.
struct KnnAccuracies {
    double backbone = 0;               // of the pooled features
    std::optional<double> projection;  // of the head's output, which the loss sees
};

/// Of the layers that both have, whose rows are normalised. classes: of the bank's labels.
KnnAccuracies knn_accuracies(const Features& bank, const Features& test, int64_t classes, const KnnOptions& options);

struct KnnMonitorOptions {
    KnnOptions knn;
    int64_t image_size = 0;  // that the network is trained at; 0: any
    int workers = 1;
};

/// Classifies the test images by the train images' features, both under the evaluation transform. One thread.
class KnnMonitor {
  public:
    /// `data` must be labelled (monitors(data)); `backend` must outlive the monitor.
    KnnMonitor(const Splits& data, const KnnMonitorOptions& options, Backend& backend);

    /// Whether a data set has what the monitor needs: labelled training images and a labelled test set.
    static bool monitors(const Splits& data);

    /// To whom an evaluation speaks.
    struct Listener {
        const std::atomic<bool>& stop;                       // when it becomes true: give up
        std::function<void(const std::string&)> evaluating;  // a while begins
        std::function<void(const std::string&)> note;        // images that cannot be read
    };
    /// Accuracy of f's backbone and projection; nothing if `stop` became true on the way. f's mode stays as it was.
    std::optional<KnnAccuracies> evaluate(Network& f, const Listener& listener);
    /// Accuracy of the raw pixels; nothing if `stop` became true on the way.
    std::optional<double> evaluate_pixels(const Listener& listener);

  private:
    Splits data_;
    KnnOptions knn_;
    Backend& backend_;
    EvalTransform transform_;
    FeatureOptions options_;
};

}  // namespace moco
