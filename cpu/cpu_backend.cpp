// Making the CPU backend: which instruction set it uses, and what it says about itself.
#include "cpu/cpu_backend.h"

#include <cstdlib>
#include <fstream>
#include <string>

#include "core/error.h"
#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/targets.h"

namespace moco {
namespace cpu {
namespace {

std::string processor_model() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const size_t colon = line.find(": ");
        if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
    }
    return "unknown processor";
}

double memory_gib() {
    std::ifstream file("/proc/meminfo");
    std::string key;
    double kib = 0;
    file >> key >> kib;
    return kib / (1 << 20);
}

}  // namespace

CpuBackend::CpuBackend() = default;
CpuBackend::~CpuBackend() = default;

std::string_view CpuBackend::name() const {
    return "cpu";
}

std::string CpuBackend::instruction_set() const {
    return best_target();
}

std::string CpuBackend::description() const {
    return fmt::format("{}, {}, {} thread{}, {:.1f} GiB of memory", processor_model(), instruction_set(), threads(),
                       threads() == 1 ? "" : "s", memory_gib());
}

void CpuBackend::do_both(const std::function<void()>& first, const std::function<void()>& second, int64_t weights) {
    // In small networks threads wait for each other at the end of every pass. In large ones that does not show, but
    // each core would find half of what backward needs in the other's cache.
    constexpr int64_t kSmall = 1 << 22;
    if (weights <= kSmall) return parallel_invoke(first, second);
    Backend::do_both(first, second, weights);
}

void CpuBackend::set_precision(Precision precision) {
    check(precision != Precision::tf32,
          "only NVIDIA GPUs (sm_80 and newer) compute in tf32; the CPU takes f32 or bf16");
}

}  // namespace cpu

std::unique_ptr<Backend> make_cpu_backend() {
    if (const char* wanted = std::getenv("MOCO_TARGET")) cpu::limit_targets(wanted);
    cpu::choose_target();
    return std::make_unique<cpu::CpuBackend>();
}

}  // namespace moco
