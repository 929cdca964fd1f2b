// Charts: what is drawn where, and what cannot be.
#include "moco/study/svg_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/message.h"

namespace moco::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

size_t count_of(const std::string& text, const std::string& what) {
    size_t found = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
}

/// The x of each point's circle; the legend's come last.
std::vector<double> circles(const std::string& svg) {
    std::vector<double> all;
    const std::string head = "<circle cx=\"";
    for (size_t at = svg.find(head); at != std::string::npos; at = svg.find(head, at + 1)) {
        all.push_back(std::stod(svg.substr(at + head.size(), 8)));
    }
    return all;
}

LineChart chart_of(std::vector<ChartPoint> points) {
    LineChart chart;
    chart.title = "a & <b>";
    chart.series = {{"one", std::move(points), LineStyle::solid}};
    return chart;
}

TEST(SvgChart, DrawsPointsABandAndALine) {
    LineChart chart = chart_of({{1, 10, 1}, {2, 20, 2}, {3, 15, 1}});
    chart.series.push_back({"two", {{1, 12}, {3, 14}}, LineStyle::dashed});
    const std::string svg = as_svg(chart);
    EXPECT_EQ(count_of(svg, "<circle"), 3u + 2u + 2u) << "and one a name in the legend";
    EXPECT_EQ(count_of(svg, " band\""), 1u) << "the second has no deviation";
    EXPECT_EQ(count_of(svg, "<path class=\"s1 line dashed\""), 1u);
    EXPECT_THAT(svg, HasSubstr("a &amp; &lt;b&gt;"));
    EXPECT_THAT(svg, HasSubstr("prefers-color-scheme:dark"));
    EXPECT_EQ(svg, as_svg(chart));
    EXPECT_EQ(count_of(svg, "<svg"), count_of(svg, "</svg>"));
}

TEST(SvgChart, PlacesPointsEvenlyByLogarithmWhereAsked) {
    LineChart chart = chart_of({{1, 1}, {10, 2}, {100, 3}});
    chart.x_scale = XScale::logarithmic;
    const std::vector<double> x = circles(as_svg(chart));
    EXPECT_NEAR(x[1] - x[0], x[2] - x[1], 0.2);
    EXPECT_GT(x[1] - x[0], 100);
}

TEST(SvgChart, DrawsBarsWhereThereIsNoLine) {
    LineChart chart = chart_of({{1, 10, 1}, {2, 20, 2}});
    chart.series[0].style = LineStyle::dots;
    const std::string svg = as_svg(chart);
    EXPECT_EQ(count_of(svg, "s0 bar"), 2u);
    EXPECT_THAT(svg, Not(HasSubstr("<path")));
}

TEST(SvgChart, PutsPointsWithoutLinesBesideEachOther) {
    LineChart chart = chart_of({{0, 10}, {1, 20}});
    chart.series[0].style = LineStyle::dots;
    chart.series.push_back(chart.series[0]);
    chart.x_ticks = {{0, "here"}, {1, "there"}};
    const std::vector<double> x = circles(as_svg(chart));
    EXPECT_GT(x[2], x[0] + 5);
    EXPECT_LT(x[2], x[0] + 20);
    EXPECT_LT(x[1], 62 + 520 - 50) << "names at the ends need room";
}

TEST(SvgChart, TakesASinglePoint) {
    EXPECT_THAT(as_svg(chart_of({{0, 0}})), Not(HasSubstr("nan")));
    EXPECT_THAT(as_svg(chart_of({{5, -3, 0}, {5, -3, 0}})), Not(HasSubstr("inf")));
}

TEST(SvgChart, RefusesWhatIsNoPoint) {
    EXPECT_THAT(message_of([] { as_svg(chart_of({})); }), HasSubstr("it has no point"));
    EXPECT_THAT(message_of([] { as_svg(chart_of({{1, NAN}})); }), HasSubstr("is none"));
    LineChart chart = chart_of({{0, 1}});
    chart.x_scale = XScale::logarithmic;
    EXPECT_THAT(message_of([&] { as_svg(chart); }), HasSubstr("expected more than 0"));
}

}  // namespace
}  // namespace moco::testing
