// SIGINT and SIGTERM ask a run to save and end; a second one ends it at once.
#include "apps/interrupt.h"

#include <csignal>

namespace moco::apps {
namespace {

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

extern "C" void request_stop(int) {
    stop_requested = true;
}

}  // namespace

const std::atomic<bool>& stop_on_signals() {
    struct sigaction action = {};
    action.sa_handler = request_stop;
    action.sa_flags = SA_RESETHAND | SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    return stop_requested;
}

}  // namespace moco::apps
