#include "moco/tasks/results.h"

#include <system_error>

#include "core/error.h"
#include "moco/data/png.h"
#include "moco/eval/confusion_picture.h"
#include "moco/tasks/results_json.h"
#include "nn/atomic_file.h"

namespace moco {
namespace {

using Json = nlohmann::ordered_json;

Json object_of(const ResultsOrigin& origin, const ClassificationScores& scores, const std::vector<std::string>& names) {
    Json object = {{"task", origin.task},      {"data", origin.data},
                   {"part", origin.part},      {"checkpoint", origin.checkpoint},
                   {"epoch", origin.epoch},    {"step", origin.step},
                   {"images", scores.images},  {"top1", scores.top1},
                   {"top5", scores.top5},      {"mean_per_class", scores.mean_per_class},
                   {"seconds", origin.seconds}};
    for (const HeadResult& head : origin.heads) {
        object["heads"].push_back(
            {{origin.heads_differ_in, head.setting}, {"val_top1", head.val_top1}, {"top1", head.top1}});
    }
    if (!origin.votes.empty()) object["votes"] = votes_json(origin.votes);
    object["per_class"] = per_class_json(scores, names);
    return object;
}

}  // namespace

nlohmann::ordered_json per_class_json(const ClassificationScores& scores, const std::vector<std::string>& names) {
    Json list = Json::array();
    for (size_t c = 0; c < scores.images_of.size(); ++c) {
        const auto images = static_cast<double>(scores.images_of[c]);
        const std::string name = names.empty() ? fmt::format("{}", c) : names[c];
        Json top1;  // null where the class has no image
        if (images > 0) top1 = 100.0 * static_cast<double>(scores.right_of[c]) / images;
        list.push_back({{"class", name}, {"images", scores.images_of[c]}, {"top1", top1}});
    }
    return list;
}

nlohmann::ordered_json votes_json(const std::vector<VoteResult>& votes) {
    Json list = Json::array();
    for (const VoteResult& vote : votes) {
        list.push_back({{"features", vote.features},
                        {"k", vote.k},
                        {"t", vote.temperature},
                        {"top1", vote.top1},
                        {"top5", vote.top5},
                        {"mean_per_class", vote.mean_per_class}});
    }
    return list;
}

void make_results_folder(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    check(!error, "{}: the folder cannot be made: {}", folder.string(), error.message());
}

ClassificationScores write_results(const std::filesystem::path& folder, const ResultsOrigin& origin,
                                   const ClassifiedImages& images, const Dataset& data) {
    ClassificationScores scores = score_classification(images.scores, images.labels);
    write_results(folder, origin, scores, predictions_of(images.scores, images.labels, images.indices), data);
    return scores;
}

void write_results(const std::filesystem::path& folder, const ResultsOrigin& origin, const ClassificationScores& scores,
                   const std::vector<Prediction>& predictions, const Dataset& data) {
    make_results_folder(folder);
    const std::vector<std::string>& names = data.info().class_names;
    const Json object = object_of(origin, scores, names);
    write_file_atomically(folder / "results.json", object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    write_predictions(folder / "predictions.csv", predictions, data);
    write_confusion(folder / "confusion.csv", scores, names);
    if (scores.classes > kMostDrawnClasses) return;
    const std::string title = fmt::format("{} on {}, {} part", origin.task, origin.data, origin.part);
    write_png((folder / "confusion.png").string(), confusion_picture(scores, {title, names}));
}

}  // namespace moco
