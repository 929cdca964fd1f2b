// What the checks of settings share: sentences that name the flag, the value and what is allowed.
#pragma once

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace moco {

inline void check_at_least(std::string_view flag, int64_t value, int64_t least) {
    check(value >= least, "--{} {}: it must be at least {}", flag, value, least);
}

inline void check_within(std::string_view flag, int64_t value, int64_t least, int64_t most) {
    check(value >= least && value <= most, "--{} {}: it must be in {} to {}", flag, value, least, most);
}

/// `allowed` describes what `good` tests. What is computed with is the f32 next to the value, which must be a number,
/// and none of the tiny ones that are flushed to 0.
inline void check_real(std::string_view flag, double value, bool good, std::string_view allowed) {
    check(std::isfinite(value) && good, "--{} {}: it must be {}", flag, value, allowed);
    const double size = std::abs(value);
    using F32 = std::numeric_limits<float>;
    check(value == 0 || (size >= F32::min() && size <= F32::max()),
          "--{} {}: it is computed in f32, which holds sizes from {:.2g} to {:.2g}", flag, value, F32::min(),
          F32::max());
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
