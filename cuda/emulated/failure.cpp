#include "cuda/emulated/failure.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "core/error.h"
#include "cuda/emulated/memory.h"
#include "cuda/emulated/stream.h"

namespace moco::cuda::emulated {
namespace {

constexpr std::array<std::string_view, 3> kKinds = {"malloc", "launch", "library"};

struct Failures {
    std::array<int64_t, kKinds.size()> left{};  // calls until one fails; 0: none will
    cudaError_t broken = cudaSuccess;
    std::string report;

    // MOCO_EMULATED_FAIL=malloc:3,launch:10
    Failures() {
        const char* text = std::getenv("MOCO_EMULATED_FAIL");
        std::string_view rest = text ? text : "";
        while (!rest.empty()) {
            const std::string item(rest.substr(0, rest.find(',')));
            rest.remove_prefix(std::min(rest.size(), item.size() + 1));
            bool known = false;
            for (size_t kind = 0; kind < kKinds.size(); ++kind) {
                if (!item.starts_with(std::string(kKinds[kind]) + ":")) continue;
                left[kind] = std::atoll(item.c_str() + kKinds[kind].size() + 1);
                known = left[kind] > 0;
            }
            check(known, "MOCO_EMULATED_FAIL={}: expected malloc:N, launch:N or library:N, or several with commas",
                  text);
        }
    }
};

Failures& failures() {
    static Failures& all = *new Failures;
    return all;
}

thread_local cudaError_t noted = cudaSuccess;

}  // namespace

std::recursive_mutex& device_mutex() {
    static auto& mutex = *new std::recursive_mutex;
    return mutex;
}

bool injected_failure(Failure kind) {
    const std::lock_guard lock(device_mutex());
    int64_t& left = failures().left[static_cast<size_t>(kind)];
    return left > 0 && --left == 0;
}

void inject_failure(Failure kind, int64_t nth) {
    const std::lock_guard lock(device_mutex());
    failures().left[static_cast<size_t>(kind)] = nth;
}

cudaError_t remember(cudaError_t status) {
    if (status != cudaSuccess) noted = status;
    return status;
}

cudaError_t last_status(bool forget) {
    if (broken() != cudaSuccess) return broken();
    const cudaError_t status = noted;
    if (forget) noted = cudaSuccess;
    return status;
}

void break_device(cudaError_t status, const std::string& what) {
    failures().broken = status;
    report(what);
}

cudaError_t broken() {
    return failures().broken;
}

void report(const std::string& what) {
    failures().report = what;
    fmt::print(stderr, "emulated device: {}\n", what);
}

std::string last_report() {
    const std::lock_guard lock(device_mutex());
    return failures().report;
}

void clear_reports() {
    const std::lock_guard lock(device_mutex());
    failures().report.clear();
}

void reset_device() {
    const std::lock_guard lock(device_mutex());
    forget_streams();
    free_everything();
    failures() = Failures();
    noted = cudaSuccess;
}

}  // namespace moco::cuda::emulated
