// How programs call the parts of a ResNet, both ways: "res2.0.shortcut.norm.weight" is "layer1.0.downsample.1.weight".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace moco {

/// torchvision's names, but that the parts may be called otherwise: by numbers, where somebody has made a Sequential of
/// them ("4.0.conv1.weight" is "layer1.0.conv1.weight"). Their name -> torchvision's.
using PartNames = std::map<std::string, std::string>;

/// conv1, bn1, layer1 .. layer4 under their own names.
const PartNames& torchvision_parts();

/// torchvision's name of a key; nothing for what is not one of the parts. A block's "shortcut" is its "downsample".
std::optional<std::string> torchvision_name(std::string_view key, const PartNames& parts);

/// The same for detectron2's names, and the way back; nothing for what is no part of the encoder.
std::optional<std::string> torchvision_name_of_detectron2(std::string_view key);
std::optional<std::string> detectron2_name(std::string_view torchvision_key);

}  // namespace moco
