// Steps of the mechanisms beside MoCo on the small network of golden_steps.h.
#pragma once

#include <numeric>

#include "moco/end_to_end_step.h"
#include "moco/memory_bank_step.h"
#include "tests/moco/golden_steps.h"

namespace moco::testing {

namespace mechanism_steps {
constexpr int64_t kImages = 20;  // in the bank, as in mechanisms.py
}

inline NetworkConfig mechanism_encoder(int64_t splits) {
    NetworkConfig config = golden_steps_encoder(Head::mlp);
    config.bn_splits = splits;
    return config;
}

/// Weights by formula, and the bank's entries.
inline void fill_by_formula(BankedEncoder& model) {
    fill_by_formula(model.encoder.f);
    Tensor entries = model.bank.entries();
    const NoGrad no_gradient;
    entries.copy_from(l2_normalize(formula_tensor(entries.shape(), 7, entries.backend())));
}

/// The images of a step, by their place in the data set.
inline std::vector<int64_t> images_of_step(int64_t step) {
    std::vector<int64_t> images(golden_steps::kBatch);
    std::iota(images.begin(), images.end(), 3 * step);
    for (int64_t& image : images) image %= mechanism_steps::kImages;
    return images;
}

}  // namespace moco::testing
