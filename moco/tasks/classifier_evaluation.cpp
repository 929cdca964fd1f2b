#include "moco/tasks/classifier_evaluation.h"

#include "moco/eval/features.h"
#include "moco/train/run_folder.h"
#include "moco/train/throughput.h"

namespace moco {

std::optional<EvaluationReport> test_classifier(Network& f, const DatasetPtr& data, const ClassifierTest& test,
                                                const EvaluationPlace& place, Backend& backend) {
    place.evaluating(fmt::format("accuracy on {} test images", data->count()));
    const Stopwatch watch;
    FeatureOptions options;
    options.layers = {FeatureLayer::projection};  // the classifier's scores
    options.workers = static_cast<int>(test.workers);
    options.stop = &place.stop;
    const DatasetInfo& info = data->info();
    const Features features = extract_features(f, data, default_transform(info, test.image_size), options, backend);
    if (features.stopped) return std::nullopt;
    if (!features.unreadable.empty()) {
        place.note(fmt::format("{} test images cannot be read and are left out; the first: {}",
                               features.unreadable.size(), features.unreadable.front().reason));
    }
    const ClassifiedImages images = {features.projection, features.labels, features.indices};
    const ResultsOrigin origin = {test.task, info.name, kLastCheckpoint, place.epoch, place.step, watch.seconds()};
    const ClassificationScores scores =
        place.folder.empty() ? score_classification(images.scores, images.labels)
                             : write_results(place.folder / kEvaluations / test.task, origin, images, *data);
    EvaluationReport report;
    report.title = "test";
    report.values = {{"test_top1", "test/top1", "top-1", scores.top1},
                     {"test_top5", "test/top5", "top-5", scores.top5}};
    return report;
}

}  // namespace moco
