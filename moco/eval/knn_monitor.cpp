// Features of bank and test set, then two searches (three with the pixels).
#include "moco/eval/knn_monitor.h"

#include "moco/eval/features.h"
#include "moco/eval/knn.h"
#include "moco/study/throughput.h"

namespace moco {

KnnMonitor::KnnMonitor(const Splits& data, const RunConfig& config, Backend& backend, ProgressObserver& observer)
    : data_(data),
      config_(config),
      backend_(backend),
      observer_(observer),
      transform_(default_transform(data.train->info(), config.image_size)) {
    options_.workers = static_cast<int>(config.workers);
    options_.rows = FeatureRows::normalised;
}

bool KnnMonitor::monitors(const Splits& data) {
    return data.train->info().classes > 0 && data.test && data.test->info().classes > 0;
}

std::optional<KnnReport> KnnMonitor::evaluate(ResNet& f, const std::atomic<bool>& stop) {
    const Stopwatch watch;
    observer_.evaluating(fmt::format("kNN of the features of {} training and {} test images", data_.train->count(),
                                     data_.test->count()));
    options_.stop = &stop;
    const Features bank = extract_features(f, data_.train, transform_, options_, backend_);
    if (bank.stopped) return std::nullopt;
    const Features test = extract_features(f, data_.test, transform_, options_, backend_);
    if (test.stopped) return std::nullopt;
    note_unreadable(bank, data_.train);
    note_unreadable(test, data_.test);
    KnnReport report;
    report.backbone = accuracy(bank.backbone, bank, test.backbone, test);
    report.projection = accuracy(bank.projection, bank, test.projection, test);
    report.seconds = watch.seconds();
    return report;
}

std::optional<double> KnnMonitor::evaluate_pixels(const std::atomic<bool>& stop) {
    observer_.evaluating(fmt::format("kNN of the raw pixels of {} training and {} test images", data_.train->count(),
                                     data_.test->count()));
    options_.stop = &stop;
    const Features bank = pixel_features(data_.train, transform_, options_, backend_);
    if (bank.stopped) return std::nullopt;
    const Features test = pixel_features(data_.test, transform_, options_, backend_);
    if (test.stopped) return std::nullopt;
    return accuracy(bank.backbone, bank, test.backbone, test);
}

double KnnMonitor::accuracy(const Tensor& bank, const Features& train, const Tensor& queries,
                            const Features& test) const {
    const KnnOptions options{config_.knn_k, static_cast<float>(config_.knn_t)};
    return knn_accuracy(bank, train.labels, queries, test.labels, data_.train->info().classes, options);
}

void KnnMonitor::note_unreadable(const Features& features, const DatasetPtr& data) {
    if (features.unreadable.empty()) return;
    observer_.note(
        fmt::format("{} images of the {} part cannot be read and are left out of the kNN evaluation; the "
                    "first: {}",
                    features.unreadable.size(), data->info().part, features.unreadable.front().reason));
}

}  // namespace moco
