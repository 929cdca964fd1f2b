// Curves of a run's log: any field of metrics.jsonl, as a chart's series.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "moco/study/svg_chart.h"

namespace moco {

/// Over what a number is drawn.
enum class CurveAxis { step, epoch };

/// `field` of the log `metrics`. A number: over steps, or over epochs (step / steps of an epoch), of the lines that
/// have it; a field that both steps and epochs have (loss) is that of the steps. A series (consistency, spectrum) or a
/// histogram (positives; shares over the middles of bins): the last one in the log, over its own axis;
/// "consistency@32": the series' value at 32, as a number. Throws Error naming the file, and the fields that there are,
/// where no line has it.
ChartSeries curve_of(const std::filesystem::path& metrics, const std::string& field, CurveAxis axis);

/// What the x axis of a field is called: "step", "epoch", "age", "number", "similarity".
std::string axis_of(const std::filesystem::path& metrics, const std::string& field, CurveAxis axis);

}  // namespace moco
