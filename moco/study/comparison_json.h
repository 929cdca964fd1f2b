// A comparison as JSON: what comparison.json holds and `moco compare --json` prints (docs/file-formats.md).
#pragma once

#include <nlohmann/json.hpp>

#include "moco/study/comparison.h"

namespace moco {

nlohmann::ordered_json json_of(const Comparison& comparison);

}  // namespace moco
