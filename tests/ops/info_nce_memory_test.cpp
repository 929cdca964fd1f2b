// The promise: the fused InfoNCE at N = 256, C = 128, K = 65536 needs less than 8 MiB beyond inputs and gradients.
// Measured as the process's peak of resident memory, so that nothing a kernel takes in any way is missed.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "ops/info_nce.h"
#include "ops/l2_normalize.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using namespace testing;

/// A line of /proc/self/status, in bytes: VmRSS (resident now), VmHWM (the most so far).
int64_t status_bytes(const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        if (word != key + ":") continue;
        int64_t kib = 0;
        status >> kib;
        return kib * 1024;
    }
    ADD_FAILURE() << "no " << key << " in /proc/self/status";
    return 0;
}

TEST(InfoNceMemory, PeakIsBelowEightMebibytesAtFullSize) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer's own memory would be counted";
#endif
    const int64_t N = 256, C = 128, K = 65536;
    constexpr int64_t kMebibyte = 1 << 20;
    Tensor q = l2_normalize(formula_tensor({N, C}, 1, cpu()));
    q.set_requires_grad(true);
    const Tensor k = l2_normalize(formula_tensor({N, C}, 2, cpu()));
    const Tensor queue = formula_tensor({K, C}, 3, cpu(), 0.15f);
    info_nce(q, k, queue.rows(0, 64), 0.2f).value.backward();  // starts the threads

    // Writing 5 lets VmHWM count from now (proc(5)); where that is not allowed, a higher peak so far would hide ours.
    std::ofstream("/proc/self/clear_refs") << 5 << std::flush;
    const int64_t before = status_bytes("VmRSS");
    ASSERT_LT(status_bytes("VmHWM") - before, 2 * kMebibyte) << "the peak could not be reset";
    Loss loss = info_nce(q, k, queue, 0.2f);
    loss.value.backward();
    const int64_t gradients = N * C * static_cast<int64_t>(sizeof(float));
    EXPECT_LT(status_bytes("VmHWM") - before - gradients, 8 * kMebibyte);
    EXPECT_NEAR(loss.value.item(), 11.0, 1.5);  // near chance level, ln(1 + K) = 11.09: it did run
}

}  // namespace
}  // namespace moco
