// Which convolutions `moco bench conv` times.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/dims.h"

namespace moco::apps {

/// A convolution, and how often a network has it.
struct NamedConv {
    std::string name;  // "3x3 64 -> 128 @ 32 /2": kernel, channels, side of x, stride
    Conv2dDims d;
    int64_t times = 1;
};

/// A name made from the dimensions.
std::string conv_name(const Conv2dDims& d);

/// The different convolutions of a network that --net names, in the order of its layers: "resnet18-cifar",
/// "resnet50-224", "fashion", with the batch each is compared at. Throws Error listing them for another name.
std::vector<NamedConv> convolutions_of(const std::string& net);

}  // namespace moco::apps
