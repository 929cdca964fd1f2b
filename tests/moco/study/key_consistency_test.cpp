// How fast keys change: against features that the test keeps of every step.
#include "moco/study/key_consistency.h"

#include <gtest/gtest.h>

#include <map>

#include "core/autograd.h"
#include "nn/eval_mode.h"
#include "nn/parameter_arena.h"
#include "ops/l2_normalize.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

class KeyConsistencyTest : public EachBackend {
  protected:
    static constexpr int64_t kImages = 3, kC = 6;

    NetworkConfig config() const {
        NetworkConfig config;
        config.arch = "resnet18";
        config.width = 4;
        config.stem = Stem::cifar_s2;
        config.dim = kC;
        return config;
    }
    std::vector<float> features(Network& f, const Tensor& images) const {
        const InEvalMode eval(f);
        const NoGrad no_gradient;
        return l2_normalize(f.forward(images)).to_vector();
    }
    static double cosine(const std::vector<float>& a, const std::vector<float>& b) {
        double sum = 0;
        for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
        return sum / kImages;
    }
    /// As a step moves them: every weight a little.
    static void move(Network& f, uint32_t salt) {
        for (const NamedTensor& named : f.state().parameters) {
            std::vector<float> values = named.tensor.to_vector();
            const std::vector<float> by = formula_values(std::ssize(values), salt);
            for (size_t i = 0; i < values.size(); ++i) values[i] += 0.01f * by[i];
            Tensor handle = named.tensor;
            handle.copy_from_host(values.data());
        }
    }
};

TEST_P(KeyConsistencyTest, ComparesKeysWithTheirPast) {
    Network f_q(config(), 1, backend()), f_k(config(), 2, backend());
    const Tensor images = formula_tensor({kImages, 16, 16, 3}, 9, backend());
    KeyConsistency consistency(images, 140, kC);
    EXPECT_EQ(consistency.ages(), (std::vector<int64_t>{1, 2, 4, 8, 16, 32, 64, 128}));
    std::map<int64_t, std::vector<float>> past;
    const bool emulated = backend().name() != "cpu";  // and slow
    for (int64_t step = emulated ? 165 : 1; step <= 200; ++step) {
        move(f_k, static_cast<uint32_t>(step));
        if (!consistency.wants(step)) continue;
        past[step] = features(f_k, images);
        DiagnosticsReport report;
        consistency.look(step, f_q, f_k, report);
        ASSERT_EQ(report.values.size(), step % 20 == 0 ? 1u : 0u);
        ASSERT_EQ(report.series.size(), step % 100 == 0 ? 1u : 0u);
        if (report.values.empty()) continue;
        EXPECT_NEAR(report.values[0].value, cosine(features(f_q, images), past[step]), 1e-6);
        if (report.series.empty()) continue;
        const Series& series = report.series[0];
        EXPECT_EQ(series.at.size(), emulated ? 6u : step == 100 ? 7u : 8u);  // as many as there are steps
        for (size_t i = 0; i < series.at.size(); ++i) {
            const int64_t then = step - static_cast<int64_t>(series.at[i]);
            ASSERT_TRUE(past.contains(then)) << "step " << then;
            EXPECT_NEAR(series.values[i], cosine(past[step], past[then]), 1e-6);
        }
        EXPECT_LT(series.values.back(), series.values.front());
    }
    EXPECT_EQ(f_k.mode(), BatchNormMode::train);
}

TEST_P(KeyConsistencyTest, AYoungQueueIsComparedWithTheStepBefore) {
    EXPECT_EQ(KeyConsistency(Tensor::zeros({1, 8, 8, 3}, DType::f32, backend()), 0, kC).ages(),
              (std::vector<int64_t>{1}));
}

MOCO_FOR_EACH_BACKEND(KeyConsistencyTest);

}  // namespace
}  // namespace moco::testing
