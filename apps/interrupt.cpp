#include "apps/interrupt.h"

#include <csignal>
#include <cstdint>
#include <ctime>

namespace moco::apps {
namespace {

constexpr int64_t kSameRequestSeconds = 10;

std::atomic<bool> stop_requested = false;
std::atomic<int64_t> requested_at = 0;  // seconds of the monotonic clock; 0: not yet
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int64_t>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

extern "C" void request_stop(int signal) {
    timespec now = {};
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t first = 0;
    if (requested_at.compare_exchange_strong(first, now.tv_sec)) {
        stop_requested = true;
    } else if (now.tv_sec - first > kSameRequestSeconds) {
        std::signal(signal, SIG_DFL);
        raise(signal);  // comes when the handler returns
    }
}

}  // namespace

const std::atomic<bool>& stop_on_signals() {
    struct sigaction action = {}, before = {};
    action.sa_handler = request_stop;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
        sigaction(signal, &action, &before);
        if (before.sa_handler == SIG_IGN) sigaction(signal, &before, nullptr);
    }
    return stop_requested;
}

}  // namespace moco::apps
