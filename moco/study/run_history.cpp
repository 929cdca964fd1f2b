#include "moco/study/run_history.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace moco {
namespace {

using Json = nlohmann::json;

constexpr const char *kLoss = "loss", *kContrast = "contrast_accuracy", *kKnn = "knn_backbone",
                     *kRank = "effective_rank";

void add_line(RunHistory& history, const Json& line) {
    const std::string type = line.value("type", "");
    const int64_t epoch = line.value("epoch", int64_t{0}), step = line.value("step", int64_t{0});
    const double loss = line.value(kLoss, 0.0), contrast = line.value(kContrast, 0.0);
    if (type == "step") history.steps.push_back({step, loss, contrast});
    if (type == "epoch") history.epochs.push_back({epoch, step, loss, contrast, line.value(kKnn, -1.0)});
    if (type == "diagnostics" && line.contains(kRank)) history.keys.push_back({step, line.value(kRank, 0.0)});
    if (type == "alarm") history.alarms.insert(line.value("alarm", ""));
}

}  // namespace

RunHistory read_history(const std::filesystem::path& metrics, int64_t lines) {
    RunHistory history;
    std::ifstream file(metrics);
    for (std::string text; lines > 0 && std::getline(file, text); --lines) {
        try {
            const Json line = Json::parse(text);
            if (line.is_object()) add_line(history, line);
        } catch (const Json::exception&) {  // an alarm too few is better than a run that ends
        }
    }
    return history;
}

double HistoryKeeper::value(const std::vector<double>& values, const std::string& name) const {
    for (size_t i = 0; i < values_.size(); ++i) {
        if (values_[i].name == name) return values[i];
    }
    return 0;
}

void HistoryKeeper::step_done(const StepReport& report) {
    if (report.logged)
        history.steps.push_back({report.step, value(report.values, kLoss), value(report.values, kContrast)});
}

void HistoryKeeper::epoch_done(const EpochReport& report) {
    RunHistory::Epoch epoch = {report.epoch, report.step, value(report.values, kLoss), value(report.values, kContrast)};
    if (report.evaluation) {
        for (const Measurement& one : report.evaluation->values) {
            if (one.name == kKnn) epoch.knn = one.value;
        }
    }
    history.epochs.push_back(epoch);
}

void HistoryKeeper::diagnosed(const DiagnosticsReport& report) {
    for (const Measurement& one : report.values) {
        if (one.name == kRank) history.keys.push_back({report.step, one.value});
    }
}

void HistoryKeeper::alarmed(int64_t /*epoch*/, int64_t /*step*/, const Alarm& alarm) {
    history.alarms.insert(alarm.name);
}

}  // namespace moco
