// What stands on an encoder: features in, the N x dim output out.
#pragma once

#include <memory>

#include "nn/linear.h"

namespace moco {

enum class Head {
    none,    // the output is the features
    linear,  // MoCo v1, and classifiers: fc
    mlp,     // MoCo v2: fc.0 (d x d), ReLU, fc.2
};

/// MoCo v2's head (arXiv:2003.04297, Sec. 2): linear, ReLU, linear. Names: 0.weight, 0.bias, 2.weight, 2.bias, as
/// torch's Sequential, whose ReLU takes number 1.
class MlpHead final : public Module {
  public:
    MlpHead(int64_t in, int64_t out, Initializer& init) : first_(in, in, init), second_(in, out, init) {}

    Tensor forward(const Tensor& x) override;  // x: N x in -> N x out
    void set_mode(BatchNormMode) override {}
    void collect(const std::string& prefix, ModuleState& state) const override;

  private:
    Linear first_, second_;
};

/// A head on features of `in` numbers; null for Head::none.
std::unique_ptr<Module> make_head(Head head, int64_t in, int64_t dim, Initializer& init);

}  // namespace moco
