#include "moco/study/svg_chart.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "core/error.h"

namespace moco {
namespace {

constexpr size_t kMostMarks = 40;  // a line of more points is drawn without marks

constexpr double kLeft = 62, kTop = 62, kPlotWidth = 520, kPlotHeight = 300, kBelow = 58, kLegend = 18;
constexpr double kAside = 9;
constexpr double kLetter = 6.6;  // about the width of one in the legend

// Okabe and Ito's colours, which people with colour blindness tell apart: darkened for light pages, lightened for dark.
struct Colour {
    const char *on_light, *on_dark;
};
constexpr Colour kColours[] = {{"#0067a8", "#56b4e9"}, {"#c75000", "#f08a3c"}, {"#007f5f", "#35c49a"},
                               {"#b0457e", "#e08bbb"}, {"#8a6d00", "#e3c64b"}, {"#2f8fc4", "#8fd0f5"},
                               {"#5b4bb5", "#a99cf5"}, {"#555b63", "#aab1b9"}};

constexpr const char* kStyle =
    "text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:12px;fill:#444}"
    ".bg,.ring{fill:#fff}.title{font-size:15px;font-weight:600;fill:#1b1f24}.sub{fill:#666}"
    ".grid{stroke:#e4e6ea;stroke-width:1}.axis{stroke:#9aa0a8;stroke-width:1}.ring{stroke-width:2}"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.dashed{stroke-dasharray:6 5}"
    ".band{stroke:none;opacity:.16}.bar{stroke-width:1.5}";
constexpr const char* kDarkStyle =
    "text{fill:#b6bcc4}.bg,.ring{fill:#14181d}.title{fill:#eef1f4}.sub{fill:#98a0a8}.grid{stroke:#2a3038}"
    ".axis{stroke:#5f6771}.band{opacity:.24}";

/// .s3 draws lines in the fourth colour, .f3 fills with it.
std::string style_sheet() {
    std::string light = kStyle, dark = kDarkStyle;
    for (size_t i = 0; i < std::size(kColours); ++i) {
        light += fmt::format(".s{0}{{stroke:{1}}}.f{0}{{fill:{1}}}", i, kColours[i].on_light);
        dark += fmt::format(".s{0}{{stroke:{1}}}.f{0}{{fill:{1}}}", i, kColours[i].on_dark);
    }
    return fmt::format("<style>{}@media(prefers-color-scheme:dark){{{}}}</style>\n", light, dark);
}

std::string escaped(const std::string& text) {
    std::string safe;
    for (const char c : text) {
        switch (c) {
            case '&':
                safe += "&amp;";
                break;
            case '<':
                safe += "&lt;";
                break;
            case '>':
                safe += "&gt;";
                break;
            case '"':
                safe += "&quot;";
                break;
            default:
                safe += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
    }
    return safe;
}

struct Range {
    double least = std::numeric_limits<double>::infinity(), most = -std::numeric_limits<double>::infinity();

    void take(double value) { least = std::min(least, value), most = std::max(most, value); }
    double width() const { return most - least; }
};

/// 1, 2 or 5 times a power of ten: some five steps over `width`.
double round_step(double width) {
    const double power = std::pow(10, std::floor(std::log10(width / 5)));
    for (const double times : {1.0, 2.0, 5.0}) {
        if (times * power >= width / 6) return times * power;
    }
    return 10 * power;
}

std::vector<ChartTick> round_ticks(const Range& range) {
    std::vector<ChartTick> ticks;
    const double step = round_step(range.width());
    for (double at = std::ceil(range.least / step - 1e-9); at <= range.most / step + 1e-9; ++at) {
        ticks.push_back({at * step, fmt::format("{:.6g}", at * step == 0 ? 0.0 : at * step)});
    }
    return ticks;
}

/// Powers of ten, or of two where there would be few. range: of log10.
std::vector<ChartTick> power_ticks(const Range& range) {
    const double step = range.width() > 2 ? 1 : std::log10(2);
    std::vector<ChartTick> ticks;
    for (double power = std::ceil(range.least / step); power * step <= range.most; ++power) {
        const double at = std::pow(10, power * step);
        ticks.push_back({at, fmt::format("{:.4g}", at)});
    }
    return ticks;
}

class Drawing {
  public:
    explicit Drawing(const LineChart& chart) : chart_(chart) {
        for (const ChartTick& tick : chart.x_ticks) x_.take(along(tick.at));
        for (const ChartSeries& one : chart.series) {
            for (const ChartPoint& point : one.points) include(point);
        }
        check(y_.least <= y_.most, "chart '{}': it has no point", chart.title);
        widen();
    }

    std::string text() {
        const double height = kTop + kPlotHeight + kBelow + kLegend * static_cast<double>(legend_rows());
        const double width = kLeft + kPlotWidth + 28;
        svg_ = fmt::format(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:g} {1:g}\" width=\"{0:g}\" height=\"{1:g}\" "
            "role=\"img\">\n<title>{2}</title>\n",
            width, height, escaped(chart_.title));
        svg_ += style_sheet();
        svg_ += fmt::format("<rect class=\"bg\" width=\"{:g}\" height=\"{:g}\" rx=\"6\"/>\n", width, height);
        put(kLeft, 26, "title", "start", chart_.title);
        put(kLeft, 45, "sub", "start", chart_.subtitle);
        draw_axes();
        for (size_t i = 0; i < chart_.series.size(); ++i) draw_band(i);
        for (size_t i = 0; i < chart_.series.size(); ++i) draw_line(i);
        draw_legend();
        return svg_ + "</svg>\n";
    }

  private:
    double along(double x) const {
        if (chart_.x_scale == XScale::linear) return x;
        check(x > 0, "chart '{}': x is {} on a logarithmic axis; expected more than 0", chart_.title, x);
        return std::log10(x);
    }

    void include(const ChartPoint& point) {
        check(std::isfinite(point.x) && std::isfinite(point.y) && std::isfinite(point.deviation),
              "chart '{}': the point ({}, {} +- {}) is none", chart_.title, point.x, point.y, point.deviation);
        x_.take(along(point.x));
        y_.take(point.y - point.deviation);
        y_.take(point.y + point.deviation);
    }

    /// Room around the points; no range stays empty.
    void widen() {
        const double between = x_.width() / static_cast<double>(std::max<size_t>(chart_.x_ticks.size(), 2) - 1);
        const double margin = points_alone() ? between / 2 : 0.03 * x_.width();
        const double x = x_.width() > 0 ? margin : 1, y = y_.width() > 0 ? 0.06 * y_.width() : 1;
        const bool from_zero = y_.least >= 0 && y_.least - y < 0;
        x_.least -= x, x_.most += x, y_.least = from_zero ? 0 : y_.least - y, y_.most += y;
    }

    /// Whether x stands for things without a between, so that points may stand beside their place.
    bool points_alone() const { return std::none_of(chart_.series.begin(), chart_.series.end(), has_line); }

    /// How far the points of a series are moved, so that bars do not hide each other.
    double aside(size_t i) const {
        if (!points_alone()) return 0;
        return kAside * (static_cast<double>(i) - static_cast<double>(chart_.series.size() - 1) / 2);
    }

    double px(double x) const { return kLeft + kPlotWidth * (along(x) - x_.least) / x_.width(); }
    double py(double y) const { return kTop + kPlotHeight * (1 - (y - y_.least) / y_.width()); }

    void put(double x, double y, const char* style, const char* anchor, const std::string& text) {
        svg_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\" text-anchor=\"{}\">{}</text>\n", x, y, style,
                            anchor, escaped(text));
    }

    void rule(double x1, double y1, double x2, double y2, const std::string& style) {
        svg_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n", x1, y1,
                            x2, y2, style);
    }

    void draw_axes() {
        const double bottom = kTop + kPlotHeight, right = kLeft + kPlotWidth;
        for (const ChartTick& tick : round_ticks(y_)) {
            rule(kLeft, py(tick.at), right, py(tick.at), "grid");
            put(kLeft - 8, py(tick.at) + 4, "tick", "end", tick.text);
        }
        double written_to = -1e9;  // so that names do not run into each other
        for (const ChartTick& tick : x_ticks()) {
            rule(px(tick.at), bottom, px(tick.at), bottom + 5, "axis");
            const double half = kLetter * static_cast<double>(tick.text.size()) / 2;
            if (px(tick.at) - half < written_to) continue;
            put(px(tick.at), bottom + 19, "tick", "middle", tick.text);
            written_to = px(tick.at) + half + 4;
        }
        rule(kLeft, bottom, right, bottom, "axis");
        put(kLeft + kPlotWidth / 2, bottom + 40, "label", "middle", chart_.x_label);
        svg_ += fmt::format("<text transform=\"translate(18 {:g}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
                            kTop + kPlotHeight / 2, escaped(chart_.y_label));
    }

    std::vector<ChartTick> x_ticks() const {
        if (!chart_.x_ticks.empty()) return chart_.x_ticks;
        return chart_.x_scale == XScale::linear ? round_ticks(x_) : power_ticks(x_);
    }

    static bool has_line(const ChartSeries& one) {
        return one.style == LineStyle::solid || one.style == LineStyle::dashed;
    }

    void draw_band(size_t i) {
        const ChartSeries& one = chart_.series[i];
        if (!has_line(one) || one.points.size() < 2) return;
        if (std::all_of(one.points.begin(), one.points.end(), [](const ChartPoint& p) { return p.deviation == 0; })) {
            return;
        }
        std::string path;
        for (const ChartPoint& p : one.points) path += corner(path, px(p.x), py(p.y + p.deviation));
        for (auto p = one.points.rbegin(); p != one.points.rend(); ++p) {
            path += corner(path, px(p->x), py(p->y - p->deviation));
        }
        svg_ += fmt::format("<path class=\"f{} band\" d=\"{}Z\"/>\n", colour(i), path);
    }

    static std::string corner(const std::string& before, double x, double y) {
        return fmt::format("{}{:.1f} {:.1f}", before.empty() ? "M" : "L", x, y);
    }

    void draw_line(size_t i) {
        const ChartSeries& one = chart_.series[i];
        if (has_line(one)) {
            std::string path;
            for (const ChartPoint& p : one.points) path += corner(path, px(p.x), py(p.y));
            svg_ += fmt::format("<path class=\"s{} line{}\" d=\"{}\"/>\n", colour(i),
                                one.style == LineStyle::dashed ? " dashed" : "", path);
        }
        const bool bars = !has_line(one) || one.points.size() == 1;
        for (const ChartPoint& p : one.points) {
            const double x = px(p.x) + aside(i);
            if (bars && p.deviation > 0) {
                rule(x, py(p.y - p.deviation), x, py(p.y + p.deviation), fmt::format("s{} bar", colour(i)));
            }
            if (!has_line(one) || one.points.size() <= kMostMarks) mark(i, x, py(p.y));
        }
    }

    static size_t colour(size_t i) { return i % std::size(kColours); }

    void mark(size_t i, double x, double y) {
        const bool hollow = chart_.series[i].style == LineStyle::dashed || chart_.series[i].style == LineStyle::rings;
        svg_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" class=\"{}{}\"/>\n", x, y,
                            hollow ? "3.2" : "3", hollow ? "ring s" : "f", colour(i));
    }

    double name_width() const {
        size_t longest = 0;
        for (const ChartSeries& one : chart_.series) longest = std::max(longest, one.name.size());
        return 48 + kLetter * static_cast<double>(longest);
    }
    size_t legend_columns() const { return std::max<size_t>(static_cast<size_t>(kPlotWidth / name_width()), 1); }
    size_t legend_rows() const { return (chart_.series.size() + legend_columns() - 1) / legend_columns(); }

    void draw_legend() {
        for (size_t i = 0; i < chart_.series.size(); ++i) {
            const double x = kLeft + name_width() * static_cast<double>(i % legend_columns());
            const double y = kTop + kPlotHeight + kBelow + kLegend * static_cast<double>(i / legend_columns());
            const ChartSeries& one = chart_.series[i];
            if (has_line(one)) {
                rule(x, y, x + 22, y,
                     fmt::format("s{} line{}", colour(i), one.style == LineStyle::dashed ? " dashed" : ""));
            }
            mark(i, x + 11, y);
            put(x + 30, y + 4, "legend", "start", one.name);
        }
    }

    const LineChart& chart_;
    Range x_, y_;
    std::string svg_;
};

}  // namespace

std::string as_svg(const LineChart& chart) {
    return Drawing(chart).text();
}

}  // namespace moco
