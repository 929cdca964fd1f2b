// What moco compare prints.
#pragma once

#include "moco/study/comparison.h"

namespace moco::apps {

/// Tables for people.
void print_text(const Comparison& comparison);

}  // namespace moco::apps
