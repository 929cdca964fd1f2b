#include "moco/study/ablation_outcome.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "moco/train/run_folder.h"

namespace moco {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::optional<double> number_in(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number()) return std::nullopt;
    return found->get<double>();
}

Json parsed(const std::string& text, const fs::path& file) {
    const Json object = Json::parse(text, nullptr, false);
    check(object.is_object(), "{} is damaged: expected JSON objects", file.string());
    return object;
}

std::optional<Json> read_object(const fs::path& file) {
    std::ifstream stream(file);
    if (!stream.is_open()) return std::nullopt;
    return parsed({std::istreambuf_iterator<char>(stream), {}}, file);
}

/// The epochs' lines. A last line without its end is of a process that was killed.
void read_log(const fs::path& file, RunOutcome& outcome) {
    std::ifstream log(file);
    for (std::string line; std::getline(log, line) && !log.eof();) {
        if (line.find("\"type\":\"epoch\"") == std::string::npos) continue;
        const Json epoch = parsed(line, file);
        outcome.loss = number_in(epoch, "loss");
        const std::optional<double> number = number_in(epoch, "epoch"), knn = number_in(epoch, "knn_backbone");
        if (!number || !knn) continue;
        outcome.curve.push_back({static_cast<int64_t>(*number), *knn});
        outcome.knn = knn;
        outcome.projection = number_in(epoch, "knn_projection");
    }
}

void read_knn(const Json& results, RunOutcome& outcome) {
    outcome.knn = number_in(results, "top1");
    const auto votes = results.find("votes");
    if (votes == results.end() || !votes->is_array()) return;
    for (const Json& vote : *votes) {
        if (vote.is_object() && vote.value("features", "") == "projection")
            outcome.projection = number_in(vote, "top1");
    }
}

}  // namespace

fs::path results_of(const fs::path& run, const char* evaluation) {
    return run / kEvaluations / evaluation / "results.json";
}

RunOutcome outcome_of(const fs::path& run) {
    RunOutcome outcome;
    read_log(run / kMetricsFile, outcome);
    if (const std::optional<Json> results = read_object(results_of(run, "knn"))) read_knn(*results, outcome);
    if (const std::optional<Json> results = read_object(results_of(run, "probe"))) {
        outcome.probe = number_in(*results, "top1");
    }
    return outcome;
}

}  // namespace moco
