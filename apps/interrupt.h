// SIGINT and SIGTERM ask a run to save and end; a second one ends it at once.
#pragma once

#include <atomic>

namespace moco::apps {

/// From now on the first SIGINT or SIGTERM sets the flag; the next one has the signal's usual effect.
const std::atomic<bool>& stop_on_signals();

}  // namespace moco::apps
