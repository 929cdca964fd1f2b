#include "moco/study/ablation_charts.h"

#include <algorithm>

#include "core/parse.h"
#include "moco/study/ablation_table.h"
#include "moco/study/published_values.h"

namespace moco {
namespace {

constexpr double kRatioForLogarithms = 8;  // between the ends of an axis

/// Values along an axis: by size where they are numbers, else as the plan lists them.
class Axis {
  public:
    explicit Axis(const AblationSummary& summary) {
        for (const VariantSummary& row : summary.variants) add(row.variant.at);
        for (const PublishedValue& value : published_along(summary.record.plan.axis)) add(std::string(value.at));
        std::vector<double> numbers;
        for (const std::string& text : texts_) {
            if (const auto number = parse_number<double>(text)) numbers.push_back(*number);
        }
        numbers_ = numbers.size() == texts_.size();
        if (!numbers_) return;
        const auto smaller = [](const std::string& a, const std::string& b) {
            return *parse_number<double>(a) < *parse_number<double>(b);
        };
        std::sort(texts_.begin(), texts_.end(), smaller);
        const auto [least, most] = std::minmax_element(numbers.begin(), numbers.end());
        logarithmic_ = *least > 0 && *most / *least >= kRatioForLogarithms;
    }

    /// Whether what lies between two values means something, so that points may be joined.
    bool continuous() const { return numbers_; }
    XScale scale() const { return logarithmic_ ? XScale::logarithmic : XScale::linear; }

    double place(std::string_view at) const {
        const size_t index = index_of(at);
        return logarithmic_ ? *parse_number<double>(texts_[index]) : static_cast<double>(index);
    }

    std::vector<ChartTick> ticks() const {
        std::vector<ChartTick> ticks;
        for (const std::string& text : texts_) ticks.push_back({place(text), text});
        return ticks;
    }

  private:
    size_t index_of(std::string_view at) const {
        const auto same = [&](const std::string& text) { return same_value(text, at); };
        return static_cast<size_t>(std::find_if(texts_.begin(), texts_.end(), same) - texts_.begin());
    }

    void add(const std::string& at) {
        if (index_of(at) == texts_.size()) texts_.push_back(at);
    }

    std::vector<std::string> texts_;
    bool numbers_ = false, logarithmic_ = false;
};

ChartSeries& series_called(std::vector<ChartSeries>& all, const std::string& name, LineStyle style) {
    for (ChartSeries& one : all) {
        if (one.name == name) return one;
    }
    all.push_back({name, {}, style});
    return all.back();
}

void sort_points(std::vector<ChartSeries>& all) {
    for (ChartSeries& one : all) {
        std::sort(one.points.begin(), one.points.end(),
                  [](const ChartPoint& a, const ChartPoint& b) { return a.x < b.x; });
    }
}

LineChart along_axis(const AblationSummary& summary) {
    const AblationPlan& plan = summary.record.plan;
    const Axis axis(summary);
    LineChart chart;
    chart.title = fmt::format("kNN by {}", plan.axis);
    chart.subtitle = fmt::format("{}, {} epochs", summary.record.data, summary.record.epochs);
    chart.x_label = plan.axis, chart.y_label = "top-1, %";
    chart.x_scale = axis.scale(), chart.x_ticks = axis.ticks();
    for (const VariantSummary& row : summary.variants) {
        if (row.knn.n == 0) continue;
        const std::string name = row.variant.series.empty() ? "kNN here" : row.variant.series;
        series_called(chart.series, name, axis.continuous() ? LineStyle::solid : LineStyle::dots)
            .points.push_back({axis.place(row.variant.at), row.knn.mean, row.knn.deviation});
    }
    if (chart.series.empty()) return chart;
    for (const PublishedValue& value : published_along(plan.axis)) {
        const std::string name = fmt::format("paper{}{} (ImageNet, linear)", value.series.empty() ? "" : ", ",
                                             value.series.substr(value.series.find('=') + 1));
        series_called(chart.series, name, axis.continuous() ? LineStyle::dashed : LineStyle::rings)
            .points.push_back({axis.place(value.at), value.percent, 0});
    }
    sort_points(chart.series);
    return chart;
}

LineChart over_epochs(const AblationSummary& summary) {
    LineChart chart;
    chart.title = fmt::format("kNN while training, by {}", summary.record.plan.axis);
    chart.subtitle = summary.record.data;
    chart.x_label = "epoch", chart.y_label = "kNN top-1, %";
    for (const VariantSummary& row : summary.variants) {
        if (row.curve.empty()) continue;
        ChartSeries series = {row.variant.label, {}, LineStyle::solid};
        for (const EpochSpread& point : row.curve) {
            series.points.push_back({static_cast<double>(point.epoch), point.knn.mean, point.knn.deviation});
        }
        chart.series.push_back(std::move(series));
    }
    return chart;
}

}  // namespace

std::vector<AblationChart> charts_of(const AblationSummary& summary) {
    const std::string& name = summary.record.plan.name;
    std::vector<AblationChart> charts = {{name + ".svg", along_axis(summary)},
                                         {name + "-epochs.svg", over_epochs(summary)}};
    const auto empty = [](const AblationChart& chart) { return chart.chart.series.empty(); };
    charts.erase(std::remove_if(charts.begin(), charts.end(), empty), charts.end());
    return charts;
}

}  // namespace moco
