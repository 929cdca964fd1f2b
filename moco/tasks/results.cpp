#include "moco/tasks/results.h"

#include <nlohmann/json.hpp>
#include <system_error>

#include "core/error.h"
#include "nn/atomic_file.h"

namespace moco {

void write_results(const std::filesystem::path& folder, const ResultsOrigin& origin, const ClassificationScores& scores,
                   const std::vector<std::string>& class_names) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    check(!error, "{}: the folder cannot be made: {}", folder.string(), error.message());
    const nlohmann::ordered_json object = {
        {"task", origin.task},      {"data", origin.data}, {"checkpoint", origin.checkpoint},
        {"epoch", origin.epoch},    {"step", origin.step}, {"images", scores.images},
        {"top1", scores.top1},      {"top5", scores.top5}, {"mean_per_class", scores.mean_per_class},
        {"seconds", origin.seconds}};
    write_file_atomically(folder / "results.json", object.dump(2) + "\n");
    write_confusion(folder / "confusion.csv", scores, class_names);
}

}  // namespace moco
