// Clocks and peaks: what the figures of `moco bench` are made of.
#include "apps/bench/measure.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "core/parallel.h"
#include "core/tensor.h"
#include "cpu/peaks.h"
#include "cuda/cuda_backend.h"

namespace moco::apps {
namespace {

// Shorter than this a call is repeated within one reading of the clock.
constexpr double kShortest = 1e-3;
constexpr int64_t kMostInARow = 1000;
constexpr int kPeakTries = 5;
constexpr size_t kCopyBytes = size_t{64} << 20;  // more than a cache holds

/// `work` returns how much it did; the most it did in a second.
double best_rate(const std::function<double()>& work) {
    double best = 0;
    for (int i = 0; i < kPeakTries; ++i) {
        const double began = now();
        const double amount = work();
        best = std::max(best, amount / (now() - began));
    }
    return best;
}

}  // namespace

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double peak_mib() {
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

Times time_calls(Backend& backend, int64_t repeats, const std::function<void()>& work) {
    const auto seconds_of = [&](int64_t calls) {
        backend.synchronize();
        const double began = now();
        for (int64_t i = 0; i < calls; ++i) work();
        backend.synchronize();
        return now() - began;
    };
    work();  // first touch of memory, sizes of scratch
    const int64_t calls =
        std::clamp(static_cast<int64_t>(kShortest / std::max(seconds_of(1), 1e-9)), int64_t{1}, kMostInARow);
    std::vector<double> ms;
    for (int64_t i = 0; i < repeats; ++i) ms.push_back(1e3 * seconds_of(calls) / static_cast<double>(calls));
    std::sort(ms.begin(), ms.end());
    return {ms.front(), ms[ms.size() / 2]};
}

namespace {

/// What another device than the processor reaches with a large product and a large copy; `largest` is the product's
/// extent.
Peaks device_peaks(Backend& backend, int64_t largest) {
    const MatmulDims d{.M = largest, .N = largest, .K = largest};
    const Tensor a = Tensor::zeros({largest, largest}, DType::f32, backend);
    Tensor b = Tensor::empty_like(a);
    const Times product =
        time_calls(backend, kPeakTries, [&] { backend.matmul(d, a.data(), a.data(), b.mutable_data()); });
    const Times copy = time_calls(backend, kPeakTries, [&] { b.copy_from(a); });
    const double operations = 2.0 * static_cast<double>(largest * largest * largest);
    return {1e-6 * operations / product.best_ms, 1e-6 * 2.0 * static_cast<double>(a.bytes()) / copy.best_ms};
}

}  // namespace

Peaks measure_peaks(Backend& backend) {
    if (backend.name() != "cpu") return device_peaks(backend, find_cuda_device() == CudaDevice::real ? 8192 : 64);
    std::vector<char> source(kCopyBytes, 1), target(kCopyBytes, 2);
    const auto copy = [&] {
        parallel_for(static_cast<int64_t>(kCopyBytes), int64_t{1} << 20, [&](int64_t begin, int64_t end) {
            std::memcpy(target.data() + begin, source.data() + begin, static_cast<size_t>(end - begin));
        });
        return 2.0 * static_cast<double>(kCopyBytes);
    };
    return {1e-9 * best_rate(cpu::multiply_add_for_a_while), 1e-9 * best_rate(copy)};
}

}  // namespace moco::apps
