#include "moco/study/run_curves.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/parse.h"

namespace moco {
namespace {

using Json = nlohmann::json;

/// The lines that have `field`; of a field that lines of several kinds have, those of the first kind.
std::vector<Json> lines_with(const std::filesystem::path& metrics, const std::string& field) {
    std::ifstream file(metrics);
    check(file.is_open(), "{}: this log cannot be read; expected the metrics.jsonl of a run", metrics.string());
    std::vector<Json> lines;
    std::set<std::string> fields;
    for (std::string text; std::getline(file, text);) {
        Json line = Json::parse(text, nullptr, false);
        if (!line.is_object() || !line.contains("step")) continue;
        for (const auto& [name, value] : line.items()) {
            if (value.is_number() || value.is_object()) fields.insert(name);
        }
        if (line.contains(field) && (lines.empty() || lines.front()["type"] == line["type"]))
            lines.push_back(std::move(line));
    }
    check(!lines.empty() && !lines.front()[field].is_string(), "{} has no '{}' to draw; it has {}", metrics.string(),
          field, fmt::join(fields, ", "));
    return lines;
}

/// Of the log's first whole epoch; 1 where there is none.
double steps_of_an_epoch(const std::filesystem::path& metrics) {
    std::ifstream file(metrics);
    for (std::string text; std::getline(file, text);) {
        const Json line = Json::parse(text, nullptr, false);
        if (line.is_object() && line.value("type", "") == "epoch")
            return std::max(1.0, line.value("step", 1.0) / line.value("epoch", 1.0));
    }
    return 1;
}

bool is_series(const Json& value) {
    return value.is_object() && value.contains("values");
}

std::vector<ChartPoint> points_of_series(const Json& series) {
    const std::vector<double> values = series["values"];
    std::vector<double> at;
    for (const auto& [name, list] : series.items()) {
        if (name != "values") list.get_to(at);
    }
    std::vector<ChartPoint> points;
    for (size_t i = 0; i < std::min(at.size(), values.size()); ++i) points.push_back({at[i], values[i]});
    return points;
}

/// "consistency@32": the series, and where it is looked at.
struct FieldOfSeries {
    std::string name;
    std::optional<double> at;
};
FieldOfSeries field_of(const std::string& field) {
    const size_t sign = field.find('@');
    if (sign == field.npos) return {field, std::nullopt};
    const std::optional<double> at = parse_number<double>(field.substr(sign + 1));
    check(at.has_value(), "{}: expected a number behind the @, as in consistency@32", field);
    return {field.substr(0, sign), at};
}

/// What a line says at a field: nothing where it is no number, or where a series has no such place.
std::optional<double> number_at(const Json& value, std::optional<double> at) {
    if (!at) return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
    if (!is_series(value)) return std::nullopt;
    for (const ChartPoint& point : points_of_series(value)) {
        if (point.x == *at) return point.y;
    }
    return std::nullopt;
}

std::vector<ChartPoint> points_of_histogram(const Json& histogram) {
    const std::vector<double> counts = histogram["counts"];
    const double low = histogram["low"], high = histogram["high"];
    const double width = (high - low) / static_cast<double>(counts.size());
    double all = 0;
    for (const double count : counts) all += count;
    std::vector<ChartPoint> points;
    for (size_t i = 0; i < counts.size(); ++i)
        points.push_back({low + width * (static_cast<double>(i) + 0.5), all > 0 ? counts[i] / all : 0});
    return points;
}

}  // namespace

ChartSeries curve_of(const std::filesystem::path& metrics, const std::string& field, CurveAxis axis) {
    const auto [name, at] = field_of(field);
    const std::vector<Json> lines = lines_with(metrics, name);
    ChartSeries series;
    series.name = field;
    const Json& last = lines.back()[name];
    if (is_series(last) && !at) {
        series.points = points_of_series(last);
    } else if (last.is_object() && !at) {
        series.points = points_of_histogram(last);
    } else {
        const double step = axis == CurveAxis::epoch ? steps_of_an_epoch(metrics) : 1;
        for (const Json& line : lines) {
            if (const std::optional<double> number = number_at(line[name], at))
                series.points.push_back({line["step"].get<double>() / step, *number});
        }
        check(!series.points.empty(), "{} has no {} to draw", metrics.string(), field);
    }
    return series;
}

std::string axis_of(const std::filesystem::path& metrics, const std::string& field, CurveAxis axis) {
    const auto [name_of_field, at] = field_of(field);
    const Json last = at ? Json() : lines_with(metrics, name_of_field).back()[name_of_field];
    if (is_series(last)) {
        for (const auto& [name, list] : last.items()) {
            if (name != "values") return name;
        }
    }
    if (last.is_object()) return "similarity";
    return axis == CurveAxis::epoch ? "epoch" : "step";
}

}  // namespace moco
