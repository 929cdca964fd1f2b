// What somebody who mistyped a flag most likely meant.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace moco::apps {

/// One sentence for a command line that could not be parsed, with the nearest flag or subcommand where one was
/// mistyped. `words`: the command line, without the program's name.
std::string parse_error_sentence(const CLI::App& app, const CLI::ParseError& error,
                                 const std::vector<std::string>& words);

}  // namespace moco::apps
