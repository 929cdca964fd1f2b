// What the papers report of the settings that ablations sweep: ImageNet, ResNet-50, top-1 of a linear classifier.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moco {

/// Names the data set and the measure, for headings: these are no values of our data.
inline constexpr std::string_view kPublishedAre = "ImageNet, ResNet-50, linear top-1, 200 epochs";

struct PublishedValue {
    std::string_view axis;    // the setting that differs: "moco-k"; "variant" of the steps from v1 to v2
    std::string_view series;  // what else sets it apart, as Variant::series; "" where there is one
    std::string_view at;
    double percent = 0;
};

/// Those along an axis, in ascending order of `at`; empty where the papers have none.
std::vector<PublishedValue> published_along(std::string_view axis);

/// What has to be said beside them; "" where nothing has.
std::string_view published_note(std::string_view axis);

/// Whether two values of a setting are the same: "0.90" and "0.9" are.
bool same_value(std::string_view a, std::string_view b);

}  // namespace moco
