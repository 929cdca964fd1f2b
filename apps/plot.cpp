// moco plot: curves of runs' logs, as a picture.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/commands.h"
#include "core/error.h"
#include "core/split.h"
#include "moco/study/run_curves.h"
#include "moco/train/run_folder.h"
#include "nn/atomic_file.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Draw curves of runs' logs as an SVG picture: any field of metrics.jsonl (docs/file-formats.md), such as loss,\n"
    "contrast_accuracy, knn_backbone, negative_mean, query_key_cosine or effective_rank over steps; of consistency,\n"
    "spectrum and the histograms positives and negatives the last one; consistency@32 is the series at age 32 over "
    "steps.";

struct Flags {
    std::vector<std::string> runs;
    std::string fields, out, title, over = "epoch";
    bool logarithmic = false;
};

void run_plot(const Flags& flags) {
    check(flags.over == "epoch" || flags.over == "step", "--over {}: expected epoch or step", flags.over);
    const CurveAxis axis = flags.over == "epoch" ? CurveAxis::epoch : CurveAxis::step;
    const std::vector<std::string> fields = split(flags.fields, ',');
    LineChart chart;
    chart.title = flags.title.empty() ? fmt::format("{}", fmt::join(fields, ", ")) : flags.title;
    if (flags.logarithmic) chart.x_scale = XScale::logarithmic;
    for (const std::string& run : flags.runs) {
        const std::filesystem::path metrics = std::filesystem::path(run) / kMetricsFile;
        for (const std::string& field : fields) {
            const std::string x = axis_of(metrics, field, axis);
            check(chart.x_label.empty() || chart.x_label == x,
                  "--fields {}: {} is drawn over {}, the others over {}; draw them apart", flags.fields, field, x,
                  chart.x_label);
            chart.x_label = x;
            ChartSeries series = curve_of(metrics, field, axis);
            const std::string name = std::filesystem::path(run).lexically_normal().filename().string();
            if (flags.runs.size() > 1) series.name = fields.size() > 1 ? name + " " + field : name;
            if (field == "chance_loss" || field == "floor_loss") series.style = LineStyle::dashed;
            chart.series.push_back(std::move(series));
        }
    }
    if (fields.size() == 1) chart.y_label = fields.front();
    write_file_atomically(flags.out, as_svg(chart));
    fmt::print("{}: {} curves\n", flags.out, chart.series.size());
}

}  // namespace

void add_plot(const Command& app) {
    const Command command = app.subcommand("plot", kDescription);
    auto flags = std::make_shared<Flags>();
    command.option("runs", flags->runs, "run folders").takes("RUN...").required();
    command.option("--fields", flags->fields, "fields of the log, with commas between them").takes("F,F").required();
    command.option("--out", flags->out, "the picture").takes("FILE.svg").required();
    command.option("--title", flags->title, "what stands above it; without it, the fields").takes("TEXT");
    command.option("--over", flags->over, "what numbers are drawn over").takes("epoch|step");
    command.flag("--log", flags->logarithmic, "a logarithmic x axis");
    command.runs([flags] { run_plot(*flags); });
}

}  // namespace moco::apps
