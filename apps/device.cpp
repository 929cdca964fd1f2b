// Which backends exist.
#include "apps/device.h"

#include <cstdio>

#include "apps/output.h"
#include "core/error.h"
#include "core/parallel.h"
#include "cpu/conv2d_direct_bf16.h"
#include "cpu/cpu_backend.h"
#include "cuda/cuda_backend.h"

namespace moco::apps {
namespace {

std::unique_ptr<Backend> open_cuda() {
    try {
        return make_cuda_backend();
    } catch (const Error& error) {
        fail("--device cuda: {}; use --device cpu", error.what());
    }
}

}  // namespace

std::unique_ptr<Backend> make_backend(const std::string& device) {
    // An emulated device is for tests and study, and slow: only who asks for it gets it.
    if (device == "cuda" || (device == "auto" && find_cuda_device() == CudaDevice::real)) return open_cuda();
    if (device == "auto" || device == "cpu") return make_cpu_backend();
    fail("--device {}: there is no such device; expected auto, cpu or cuda", device);
}

std::unique_ptr<Backend> make_augmenting_backend(const std::string& augment_on, const Backend& training) {
    check(augment_on == "device" || augment_on == "cpu", "--augment-on {}: expected device or cpu", augment_on);
    return augment_on == "device" || training.name() == "cpu" ? nullptr : make_cpu_backend();
}

void note_emulation(const Backend& backend) {
    if (backend.name() != "cuda" || find_cuda_device() != CudaDevice::emulated) return;
    print_if_possible(
        stderr, "--device cuda: this build emulates the device on the processor, very slowly; no GPU computes.\n");
}

void note_slow_precision(Precision precision, const Backend& backend) {
    if (precision != Precision::bf16 || backend.name() != "cpu" || cpu::has_bf16_products()) return;
    print_if_possible(stderr,
                      fmt::format("--precision bf16: {} has no bf16 products (AVX512_BF16), so f32 is faster here.\n",
                                  backend.instruction_set()));
}

void DeviceFlags::add_to(const Command& command) {
    command.option("--device", device, "where to compute; auto: the best this machine has")
        .takes("auto|cpu|cuda")
        .group("Machine");
    command.option("--threads", threads, "threads that compute; 0: one a core that moco may use")
        .takes("N")
        .group("Machine");
}

std::unique_ptr<Backend> DeviceFlags::open() const {
    check(threads >= 0 && threads <= 1024, "--threads {}: expected 0 (one a core) to 1024", threads);
    set_threads(threads);
    std::unique_ptr<Backend> backend = make_backend(device);
    note_emulation(*backend);
    return backend;
}

}  // namespace moco::apps
