#include "tests/cuda/placed.h"

namespace moco::cuda::testing {
namespace {

using reference::Values;

class CudaMomentumUpdate : public OnDevice {};

TEST_F(CudaMomentumUpdate, FollowsTheQueryEncoder) {
    const float m = 0.99f;
    const DeviceArray<float> m_device(std::vector<float>{m});
    for (const ElementCase& c : element_cases({DType::f32})) {
        SCOPED_TRACE(what(c));
        const std::vector<float> w_k = formula_values(c.count, 1), w_q = formula_values(c.count, 2);
        Values expected;
        for (size_t i = 0; i < w_k.size(); ++i) {
            expected.push_back(static_cast<double>(m) * w_k[i] + static_cast<double>(1 - m) * w_q[i]);
        }
        Placed k_device(w_k, c.shift), q_device(w_q, c.shift);
        device().momentum_update(m_device.data(), k_device.floats(), q_device.floats(), c.count);
        EXPECT_LE(error_over_rms(k_device.host(), expected), kElementwise);
        EXPECT_EQ(q_device.host(), w_q);
    }
}

TEST_F(CudaMomentumUpdate, AMomentumOfOneChangesNothingAndOfZeroCopies) {
    const std::vector<float> w_k = formula_values(1000, 1), w_q = formula_values(1000, 2);
    DeviceArray<float> m_device(std::vector<float>{1});
    Placed k_device(w_k), q_device(w_q);
    device().momentum_update(m_device.data(), k_device.floats(), q_device.floats(), 1000);
    EXPECT_EQ(k_device.host(), w_k);
    const float zero = 0;
    device().copy_from_host(m_device.data(), &zero, sizeof zero);
    device().momentum_update(m_device.data(), k_device.floats(), q_device.floats(), 1000);
    EXPECT_EQ(k_device.host(), w_q);
}

}  // namespace
}  // namespace moco::cuda::testing
