// The pictures of an ablation.
#pragma once

#include <string>
#include <vector>

#include "moco/study/svg_chart.h"

namespace moco {

struct AblationSummary;

struct AblationChart {
    std::string file;  // "momentum-epochs.svg"
    LineChart chart;
};

/// NAME.svg: kNN along the plan's axis, a curve a series, the papers' values dashed; NAME-epochs.svg: kNN over epochs,
/// a curve a variant. Those that no run has a point for are left out.
std::vector<AblationChart> charts_of(const AblationSummary& summary);

}  // namespace moco
