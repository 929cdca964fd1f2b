// Whose names they are: what other programs put before a ResNet's, and where their heads stand. Internal to
// moco/interchange.
#pragma once

#include <string>
#include <vector>

#include "moco/interchange/found_network.h"

namespace moco {

/// Whether an encoder of this prefix is the slow one of two.
bool is_momentum_encoder(const std::string& prefix);
/// DINO's, which its authors evaluate.
bool is_teacher(const std::string& prefix);

/// Where the head of an encoder of this prefix may stand, in files of all programs.
std::vector<std::string> head_prefixes(const std::string& encoder_prefix);

/// For the reader of a report. `detectron2`: whether the parts have that program's names.
std::string layout_name(const TensorFile& file, const FoundNetwork& found, bool detectron2);

}  // namespace moco
