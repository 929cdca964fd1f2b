#include "cuda/emulated/trap.h"

#include <fmt/format.h>
#include <signal.h>

#include <array>
#include <cstddef>
#include <mutex>
#include <vector>

#include "cuda/emulated/failure.h"
#include "cuda/emulated/memory.h"
#include "cuda/emulated/sanitizer.h"

namespace moco::cuda::emulated {
namespace {

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGFPE};
constexpr size_t kStackBytes = 64 << 10;

struct sigaction before[kSignals.size()];
thread_local sigjmp_buf* jump = nullptr;
const void* address = nullptr;
int signal_number = 0;

// The handler's own stack: that of a thread of a kernel may be what ran out.
struct HandlerStack {
    std::vector<char> memory = std::vector<char>(kStackBytes);
    HandlerStack() {
        stack_t stack = {};
        stack.ss_sp = memory.data();
        stack.ss_size = memory.size();
        sigaltstack(&stack, nullptr);
    }
    ~HandlerStack() {
        stack_t stack = {};
        stack.ss_flags = SS_DISABLE;
        sigaltstack(&stack, nullptr);
    }
};

void handle(int number, siginfo_t* info, void*) {
    address = info->si_addr;
    signal_number = number;
    if (jump) siglongjmp(*jump, 1);
    if (belongs_to_device(address))
        report(fmt::format("the host touched {}; only kernels and copies may", describe_address(address)));
    for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before[i], nullptr);
}  // and the instruction runs again, as it would have without us

void install() {
    static std::once_flag once;
    std::call_once(once, [] {
        struct sigaction action = {};
        action.sa_sigaction = handle;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &before[i]);
    });
    thread_local const HandlerStack stack;
}

}  // namespace

void set_trap(sigjmp_buf* target) {
    if constexpr (kAddressSanitizer) return;
    install();
    jump = target;
}

std::string trapped() {
    return signal_number == SIGFPE ? "it divided by 0" : fmt::format("it touched {}", describe_address(address));
}

void watch_host() {
    if constexpr (!kAddressSanitizer) install();
}

}  // namespace moco::cuda::emulated
