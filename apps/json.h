// A command's result as one JSON object.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/command.h"

namespace moco::apps {

/// Adds --json, which every command has.
inline void add_json_flag(const Command& command, bool& json) {
    command.flag("--json", json, "print the result as one JSON object, and nothing else, on stdout");
}

inline void print_json(const nlohmann::ordered_json& object) {
    fmt::print("{}\n", object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace moco::apps
