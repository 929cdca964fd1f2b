#include "moco/study/ablation_record.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "nn/atomic_file.h"

namespace moco {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json to_json(const Variant& variant) {
    Json settings = Json::array();
    for (const auto& setting : variant.settings) settings.push_back({setting.first, setting.second});
    return {{"label", variant.label}, {"at", variant.at}, {"series", variant.series}, {"settings", settings}};
}

Variant variant_from(const Json& json) {
    Variant variant = {json.at("label"), {}, json.at("at"), json.at("series")};
    for (const Json& setting : json.at("settings")) variant.settings.emplace_back(setting.at(0), setting.at(1));
    return variant;
}

AblationRecord record_from(const Json& json) {
    AblationRecord record;
    record.plan = {json.at("name"), json.at("title"), json.at("axis"), {}};
    record.data = json.at("data"), record.common = json.at("common"), record.epochs = json.at("epochs");
    for (const Json& variant : json.at("variants")) record.plan.variants.push_back(variant_from(variant));
    for (const Json& run : json.at("runs")) {
        record.runs.push_back({run.at("variant"), run.at("seed"), run.at("key")});
        check(record.runs.back().variant < record.plan.variants.size(), "it has a run of a variant that there is not");
    }
    return record;
}

AblationRecord read_record(const fs::path& file) {
    std::ifstream stream(file);
    try {
        return record_from(Json::parse(stream));
    } catch (const std::exception& error) {
        fail("{} is damaged ({}): remove it, and run its plan again to have it back", file.string(), error.what());
    }
}

/// The place of `variant` in `plan`, where it is added if it is new.
size_t place_in(AblationPlan& plan, const Variant& variant) {
    for (size_t i = 0; i < plan.variants.size(); ++i) {
        if (plan.variants[i].label == variant.label && plan.variants[i].settings == variant.settings) return i;
    }
    plan.variants.push_back(variant);
    return plan.variants.size() - 1;
}

void add(AblationRecord& to, const AblationRecord& from) {
    check(to.plan.axis == from.plan.axis && to.common == from.common,
          "two plans are called {} and differ: one ran with `{}`, the other with `{}`; give one of them another --name",
          to.plan.name, to.common, from.common);
    for (const RecordedRun& run : from.runs) {
        const size_t variant = place_in(to.plan, from.plan.variants[run.variant]);
        const auto same = [&](const RecordedRun& other) { return other.key == run.key && other.variant == variant; };
        if (std::none_of(to.runs.begin(), to.runs.end(), same)) to.runs.push_back({variant, run.seed, run.key});
    }
}

}  // namespace

AblationRecord record_of(const AblationPlan& plan, const PlannedRuns& planned, std::string common) {
    const PretrainSettings& first = planned.runs.front().settings;
    AblationRecord record = {plan, first.data.spec, std::move(common), first.optimizer.epochs, {}};
    for (const PlannedRun& run : planned.runs) record.runs.push_back({run.variant, run.seed, run.key});
    return record;
}

void write_record(const fs::path& dir, const AblationRecord& record) {
    Json variants = Json::array(), runs = Json::array();
    for (const Variant& variant : record.plan.variants) variants.push_back(to_json(variant));
    for (const RecordedRun& run : record.runs) {
        runs.push_back({{"variant", run.variant}, {"seed", run.seed}, {"key", run.key}});
    }
    const Json json = {
        {"name", record.plan.name}, {"title", record.plan.title}, {"axis", record.plan.axis}, {"data", record.data},
        {"common", record.common},  {"epochs", record.epochs},    {"variants", variants},     {"runs", runs}};
    fs::create_directories(dir / "plans");
    write_file_atomically(dir / "plans" / (record.plan.name + ".json"), json.dump(2) + "\n");
}

std::vector<AblationRecord> read_records(const fs::path& dir) {
    std::vector<AblationRecord> records;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(dir / "plans", none)) {
        if (entry.path().extension() == ".json") records.push_back(read_record(entry.path()));
    }
    std::sort(records.begin(), records.end(),
              [](const AblationRecord& a, const AblationRecord& b) { return a.plan.name < b.plan.name; });
    return records;
}

std::vector<AblationRecord> merged(const std::vector<AblationRecord>& records) {
    std::vector<AblationRecord> all;
    for (const AblationRecord& record : records) {
        const auto same = std::find_if(
            all.begin(), all.end(), [&](const AblationRecord& other) { return other.plan.name == record.plan.name; });
        if (same == all.end()) {
            all.push_back(record);
        } else {
            add(*same, record);
        }
    }
    return all;
}

}  // namespace moco
