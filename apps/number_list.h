// Numbers that a flag takes as a list.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace moco::apps {

/// The numbers of a comma-separated list: "20,200". Throws Error naming the flag, the list and what in it is no whole
/// number, or is there twice.
std::vector<int64_t> whole_numbers(const std::string& flag, const std::string& list);

/// The same for real numbers: "0.07,0.1". nan and inf are none.
std::vector<double> real_numbers(const std::string& flag, const std::string& list);

}  // namespace moco::apps
