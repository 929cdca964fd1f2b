// SIGINT, SIGTERM, SIGHUP and SIGUSR1 ask a run to save and end; another one after ten seconds ends it at once.
#pragma once

#include <atomic>

namespace moco::apps {

/// From now on the first of these signals sets the flag. One that comes within ten seconds of it is taken for the same
/// request (terminals, shells and schedulers send several); a later one has its usual effect. Those that were ignored
/// when the program began (nohup) stay so.
const std::atomic<bool>& stop_on_signals();

}  // namespace moco::apps
