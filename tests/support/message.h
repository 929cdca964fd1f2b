// The sentence with which something fails.
#pragma once

#include <string>

#include "core/error.h"

namespace moco::testing {

/// Runs `action` and returns the text of the Error it throws; "no Error" if it throws none.
template <typename Action>
std::string message_of(const Action& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    return "no Error";
}

}  // namespace moco::testing
