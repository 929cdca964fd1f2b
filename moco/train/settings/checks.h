// What the checks of settings share: sentences that name the flag, the value and what is allowed.
#pragma once

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace moco {

inline void check_at_least(std::string_view flag, int64_t value, int64_t least) {
    check(value >= least, "--{} {}: it must be at least {}", flag, value, least);
}

/// `allowed` describes what `good` tests.
inline void check_real(std::string_view flag, double value, bool good, std::string_view allowed) {
    check(std::isfinite(value) && good, "--{} {}: it must be {}", flag, value, allowed);
}

inline void check_one_of(std::string_view flag, const std::string& value, const std::vector<std::string_view>& names) {
    check(std::find(names.begin(), names.end(), value) != names.end(), "--{} {}: expected one of {}", flag, value,
          fmt::join(names, ", "));
}

/// Calls `work`; an Error of it begins with `setting` ("--precision tf32") from here on.
template <typename Work>
void naming_setting(std::string_view setting, const Work& work) {
    try {
        work();
    } catch (const Error& error) {
        fail("{}: {}", setting, error.what());
    }
}

}  // namespace moco
