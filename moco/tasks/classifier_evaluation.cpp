#include "moco/tasks/classifier_evaluation.h"

#include "moco/train/run_folder.h"
#include "moco/train/throughput.h"

namespace moco {

std::optional<ClassificationScores> test_classifier(Network& f, const DatasetPtr& data, const ClassifierTest& test,
                                                    const EvaluationPlace& place, Backend& backend) {
    place.evaluating(fmt::format("accuracy on {} {} images", data->count(), test.part));
    const Stopwatch watch;
    FeatureOptions options;
    options.layers = {FeatureLayer::projection};  // the classifier's scores
    options.workers = static_cast<int>(test.workers);
    options.stop = &place.stop;
    const DatasetInfo& info = data->info();
    const Features features = extract_features(f, data, default_transform(info, test.image_size), options, backend);
    if (features.stopped) return std::nullopt;
    note_unreadable(features, test.part, place);
    const ClassifiedImages images = {features.projection, features.labels, features.indices};
    if (place.folder.empty() || test.folder.empty()) return score_classification(images.scores, images.labels);
    ResultsOrigin origin = {test.task, info.name, kLastCheckpoint, place.epoch, place.step, watch.seconds()};
    origin.part = test.part;
    return write_results(place.folder / test.folder, origin, images, *data);
}

std::vector<Measurement> measurements(const std::string& part, const ClassificationScores& scores) {
    const std::string before = part == "test" ? "" : part + " ";
    return {{part + "_top1", part + "/top1", before + "top-1", scores.top1},
            {part + "_top5", part + "/top5", before + "top-5", scores.top5}};
}

void note_unreadable(const Features& features, const std::string& part, const EvaluationPlace& place) {
    if (features.unreadable.empty()) return;
    place.note(fmt::format("{} {} images cannot be read and are left out; the first: {}", features.unreadable.size(),
                           part, features.unreadable.front().reason));
}

}  // namespace moco
