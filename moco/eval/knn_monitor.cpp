// Features of bank and test set, then two searches.
#include "moco/eval/knn_monitor.h"

#include "moco/eval/features.h"
#include "moco/eval/pixel_knn.h"
#include "nn/network.h"

namespace moco {
namespace {

void note_unreadable(const KnnMonitor::Listener& listener, const Features& features, const DatasetPtr& data) {
    if (features.unreadable.empty()) return;
    listener.note(
        fmt::format("{} images of the {} part cannot be read and are left out of the kNN evaluation; the first: {}",
                    features.unreadable.size(), data->info().part, features.unreadable.front().reason));
}

}  // namespace

KnnMonitor::KnnMonitor(const Splits& data, const KnnMonitorOptions& options, Backend& backend)
    : data_(data),
      knn_(options.knn),
      backend_(backend),
      transform_(default_transform(data.train->info(), options.image_size)) {
    options_.workers = options.workers;
    options_.rows = FeatureRows::normalised;
}

bool KnnMonitor::monitors(const Splits& data) {
    return is_labelled(data);
}

std::optional<KnnAccuracies> KnnMonitor::evaluate(Network& f, const Listener& listener) {
    listener.evaluating(fmt::format("kNN of the features of {} training and {} test images", data_.train->count(),
                                    data_.test->count()));
    options_.stop = &listener.stop;
    options_.layers = {FeatureLayer::backbone};
    if (f.config().head != Head::none) options_.layers.push_back(FeatureLayer::projection);
    const Features bank = extract_features(f, data_.train, transform_, options_, backend_);
    if (bank.stopped) return std::nullopt;
    const Features test = extract_features(f, data_.test, transform_, options_, backend_);
    if (test.stopped) return std::nullopt;
    note_unreadable(listener, bank, data_.train);
    note_unreadable(listener, test, data_.test);
    return knn_accuracies(bank, test, data_.train->info().classes, knn_);
}

std::optional<double> KnnMonitor::evaluate_pixels(const Listener& listener) {
    listener.evaluating(fmt::format("kNN of the raw pixels of {} training and {} test images", data_.train->count(),
                                    data_.test->count()));
    options_.stop = &listener.stop;
    return pixel_knn_accuracy(data_, transform_, options_, knn_, backend_);
}

KnnAccuracies knn_accuracies(const Features& bank, const Features& test, int64_t classes, const KnnOptions& options) {
    const auto of = [&](const Tensor& rows, const Tensor& queries) {
        return knn_accuracy(rows, bank.labels, queries, test.labels, classes, options);
    };
    KnnAccuracies accuracies;
    accuracies.backbone = of(bank.backbone, test.backbone);
    if (bank.projection.defined()) accuracies.projection = of(bank.projection, test.projection);
    return accuracies;
}

}  // namespace moco
