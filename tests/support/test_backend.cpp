#include "tests/support/test_backend.h"

#include "cpu/backend_impl.h"
#include "cpu/cpu_backend.h"
#include "tests/support/cuda_test_backend.h"

namespace moco::testing {

Backend& cpu() {
    static const std::unique_ptr<Backend> backend = make_cpu_backend();
    return *backend;
}

namespace {

cpu::MemoryPool& cpu_memory() {
    return static_cast<cpu::CpuBackend&>(cpu()).memory();
}

}  // namespace

const std::vector<TestBackend>& test_backends() {
    static const std::vector<TestBackend> backends = [] {
        std::vector<TestBackend> all = {
            {.name = "cpu",
             .backend = cpu,
             .bytes_in_use = [] { return cpu_memory().bytes_in_use(); },
             .peak_bytes = [] { return cpu_memory().peak_bytes(); },
             .reset_peak = [] { cpu_memory().reset_peak(); },
             .tolerance = 1.0},
        };
        if (const std::optional<TestBackend> cuda = cuda_test_backend()) all.push_back(*cuda);
        return all;
    }();
    return backends;
}

}  // namespace moco::testing
