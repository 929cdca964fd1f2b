// What `moco info` tells of another program's file of weights.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace moco::apps {

/// Throws Error as moco::foreign_report.
nlohmann::ordered_json weights_json(const std::filesystem::path& file);
void print_weights(const nlohmann::ordered_json& object);

}  // namespace moco::apps
