// What an ablation compares: settings that are swept, each combination a variant, or a ready plan after the papers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "moco/tasks/pretrain_settings.h"

namespace moco {

/// A setting and the values that it takes.
struct Sweep {
    std::string setting;
    std::vector<std::string> values;
};

/// One way to pretrain among those that are compared.
struct Variant {
    std::string label;    // "moco-k=256, moco-m=0.9"
    GivenFlags settings;  // on top of what all variants share
    std::string at;       // its place along AblationPlan::axis: "256"
    std::string series;   // what else sets it apart: "moco-m=0.9"; variants of one series make a curve
};

struct AblationPlan {
    std::string name;   // of its files
    std::string title;  // a phrase for people
    std::string axis;   // what differs along a curve: a setting's name, or "variant"
    std::vector<Variant> variants;
};

/// Reads "moco-k=256,1024". Values that hold commas stand between semicolons: "schedule=12,16;15,18". Throws Error
/// naming what is wrong: no setting of `moco pretrain` (with the nearest), one that changes no result or that the
/// command sets itself (seed, out), no value, one that is there twice or that the setting does not take.
Sweep parse_sweep(const std::string& text);

/// Every combination of the values, the first sweep changing slowest; the sweep of most values is the axis, of equals
/// the first. Throws Error where a setting is swept twice. `sweeps`: one at least.
AblationPlan plan_of(const std::vector<Sweep>& sweeps);

/// fig3, momentum, shuffle-bn, temperature, v1-to-v2.
std::vector<std::string> ready_plan_names();

/// A plan after the papers, with values for runs of hours; `base`: what all variants share. Throws Error listing the
/// names for an unknown one.
AblationPlan ready_plan(const std::string& name, const PretrainSettings& base);

}  // namespace moco
