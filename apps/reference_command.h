// The command line of the reference code (facebookresearch/moco, main_moco.py), given to this program.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace moco::apps {

/// Where `words` has flags that only the reference code knows: one sentence that names all of them and gives the
/// command that does the same here; else empty. `unknown`: the words that `command` does not take.
std::string reference_command_sentence(const CLI::App& command, const std::vector<std::string>& words,
                                       std::vector<std::string> unknown);

}  // namespace moco::apps
