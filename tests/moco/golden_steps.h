// The small run of tests/golden/moco.py: Network-18 of width 8 on 16 x 16 images, N = 8 in 2 splits, K = 36.
#pragma once

#include <vector>

#include "core/autograd.h"
#include "moco/model.h"
#include "moco/train_step.h"
#include "ops/l2_normalize.h"
#include "tests/nn/resnet_golden.h"
#include "tests/support/npy.h"
#include "tests/support/values.h"

namespace moco::testing {

namespace golden_steps {
constexpr int64_t kSteps = 10, kBatch = 8, kDim = 16, kQueue = 36, kSize = 16, kSplits = 2, kChannels = 3;
constexpr float kM = 0.9f, kT = 0.2f;
constexpr SgdOptions kSgd = {0.9f, 5e-4f};
}  // namespace golden_steps

inline NetworkConfig golden_steps_encoder(Head head) {
    NetworkConfig config = golden_config("resnet18", 8, Stem::cifar, golden_steps::kChannels, golden_steps::kSplits);
    config.head = head;
    config.dim = golden_steps::kDim;
    return config;
}

constexpr size_t kGoldenSamples = 16;  // of each tensor, as in moco.py

/// Every tensor's samples against the stored ones; errors are relative to the tensor's RMS.
inline void expect_group(const GoldenPack& golden, const std::string& group, const std::vector<NamedTensor>& tensors,
                         double bound) {
    const NpyArray samples = golden[group], all_rms = golden[group + "_rms"];
    const bool whole = group.ends_with("queue") || group.ends_with("bank");
    size_t next = 0, i = 0;
    double worst = 0;
    std::string worst_name;
    for (const NamedTensor& named : tensors) {
        if (named.tensor.dtype() != DType::f32) continue;
        const std::vector<float> got = sample(named.tensor.to_vector(), whole ? 4096 : kGoldenSamples);
        const std::vector<double> expected = take(samples, next, got.size());
        const double scale = all_rms.values.at(i++);
        for (size_t j = 0; j < got.size(); ++j) {
            const double error = std::abs(got[j] - expected[j]) / scale;
            if (!(error <= worst)) worst = error, worst_name = named.name;
        }
    }
    EXPECT_EQ(next, samples.values.size()) << group;
    EXPECT_LE(worst, bound) << group << ": " << worst_name;
    ::testing::Test::RecordProperty(group, fmt::format("{:.2g} of {:.2g}", worst, bound));
}

/// Weights and first keys by formula, as the script's.
inline void fill_by_formula(Moco& moco) {
    fill_by_formula(moco.f_q);
    moco.f_k.copy_parameters_from(moco.f_q);
    Backend& backend = moco.queue.keys().backend();
    const NoGrad no_gradient;
    Tensor keys = moco.queue.keys();
    keys.copy_from(l2_normalize(formula_tensor(keys.shape(), 7, backend)));
}

/// Image batch number `i` (view 1 and view 2 of each step in turn) of a run whose images start at `salt`.
inline Tensor golden_steps_images(uint32_t salt, int64_t i, Backend& backend) {
    using namespace golden_steps;
    return formula_tensor({kBatch, kSize, kSize, kChannels}, salt + static_cast<uint32_t>(i), backend);
}

inline float golden_steps_rate(int64_t step) {
    return static_cast<float>(0.05 / (1 + 0.1 * static_cast<double>(step)));
}

}  // namespace moco::testing
