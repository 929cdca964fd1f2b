// Words as a shell takes them, for commands that are suggested.
#pragma once

#include <string>

namespace moco {

/// `word`, in quotes where a shell would take it for something else (blanks, quotes, $, ...).
std::string for_shell(const std::string& word);

}  // namespace moco
