#include <cmath>

#include "tests/cuda/placed.h"

namespace moco::cuda::testing {
namespace {

using reference::Values;

class CudaSgd : public OnDevice {};

/// One step in double.
void step(const SgdOptions& options, double lr, Values& w, const Values& dw, Values& v) {
    for (size_t i = 0; i < w.size(); ++i) {
        v[i] = static_cast<double>(options.momentum) * v[i] + dw[i] + static_cast<double>(options.weight_decay) * w[i];
        w[i] -= lr * v[i];
    }
}

TEST_F(CudaSgd, StepsWithMomentumAndWeightDecay) {
    const SgdOptions options{0.9f, 5e-4f};
    const DeviceArray<float> lr(std::vector<float>{0.06f});
    for (const ElementCase& c : element_cases({DType::f32})) {
        SCOPED_TRACE(what(c));
        const std::vector<float> w = formula_values(c.count, 1), dw = formula_values(c.count, 2);
        const std::vector<float> v = formula_values(c.count, 3);
        Placed w_device(w, c.shift), dw_device(dw, c.shift), v_device(v, c.shift);
        device().sgd_update(options, lr.data(), w_device.floats(), dw_device.floats(), v_device.floats(), c.count);
        Values w_expected = doubles(w), v_expected = doubles(v);
        step(options, static_cast<double>(0.06f), w_expected, doubles(dw), v_expected);
        EXPECT_LE(error_over_rms(w_device.host(), w_expected), kElementwise);
        EXPECT_LE(error_over_rms(v_device.host(), v_expected), kElementwise);
        EXPECT_EQ(dw_device.host(), dw);
    }
}

TEST_F(CudaSgd, ReadsTheRateFromTheDeviceAtEachStep) {
    const SgdOptions options{0, 0};
    DeviceArray<float> lr(std::vector<float>{0.5f});
    Placed w(std::vector<float>{1, 2, 3}), dw(std::vector<float>{2, 2, 2}), v(std::vector<float>{7, 7, 7});
    device().sgd_update(options, lr.data(), w.floats(), dw.floats(), v.floats(), 3);
    EXPECT_EQ(w.host(), (std::vector<float>{0, 1, 2}));
    const float next = 0.25f;
    device().copy_from_host(lr.data(), &next, sizeof next);
    device().sgd_update(options, lr.data(), w.floats(), dw.floats(), v.floats(), 3);
    EXPECT_EQ(w.host(), (std::vector<float>{-0.5f, 0.5f, 1.5f}));
    EXPECT_EQ(v.host(), (std::vector<float>{2, 2, 2}));
}

TEST_F(CudaSgd, ANanStaysWhereItIs) {
    const DeviceArray<float> lr(std::vector<float>{0.1f});
    std::vector<float> gradient(40, 1.0f);
    gradient[17] = NAN;
    Placed w(std::vector<float>(40, 1.0f)), dw(gradient), v(std::vector<float>(40, 0.0f));
    device().sgd_update({}, lr.data(), w.floats(), dw.floats(), v.floats(), 40);
    const std::vector<float> got = w.host();
    for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(std::isnan(got[i]), i == 17) << i;
}

}  // namespace
}  // namespace moco::cuda::testing
