// Errors as a user sees them: one sentence that names what matters.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "tests/support/message.h"

namespace moco::testing {

/// Expects `action` to throw Error with a single line that contains every one of `parts`.
template <typename Action>
void expect_error(const Action& action, std::initializer_list<std::string> parts) {
    const std::string message = message_of(action);
    EXPECT_NE(message, "no Error");
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (const std::string& part : parts) {
        EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' is not in: " << message;
    }
}

}  // namespace moco::testing
