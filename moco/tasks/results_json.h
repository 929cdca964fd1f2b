// Parts of results.json that commands print too.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "moco/tasks/results.h"

namespace moco {

/// `per_class` and `votes` of results.json (docs/file-formats.md).
nlohmann::ordered_json per_class_json(const ClassificationScores& scores, const std::vector<std::string>& class_names);
nlohmann::ordered_json votes_json(const std::vector<VoteResult>& votes);

}  // namespace moco
