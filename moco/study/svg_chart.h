// Line charts as SVG, for pages that are read in the light and in the dark.
#pragma once

#include <string>
#include <vector>

namespace moco {

struct ChartPoint {
    double x = 0, y = 0;
    double deviation = 0;  // drawn as a band, or as a bar where there is no line; 0: none
};

enum class LineStyle {
    solid,
    dashed,
    dots,   // points alone
    rings,  // likewise, hollow
};

struct ChartSeries {
    std::string name;
    std::vector<ChartPoint> points;  // ascending x
    LineStyle style = LineStyle::solid;
};

/// A mark on the x axis.
struct ChartTick {
    double at = 0;
    std::string text;
};

enum class XScale { linear, logarithmic };

struct LineChart {
    std::string title, subtitle;
    std::string x_label, y_label;
    XScale x_scale = XScale::linear;
    std::vector<ChartTick> x_ticks;  // empty: round numbers
    std::vector<ChartSeries> series;
};

/// The picture: self-contained, no script, equal bytes for equal charts. Texts may hold any characters. Throws Error
/// where there is no point, where a value is no number, or where x is not above 0 on a logarithmic axis.
std::string as_svg(const LineChart& chart);

}  // namespace moco
