// The backends the tests run on. A test text is written once and instantiated for each of them.
#pragma once

#include "core/backend.h"

namespace moco::testing {

/// The CPU backend shared by all tests of a program.
Backend& cpu();

}  // namespace moco::testing
