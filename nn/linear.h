// The fully connected layer.
#pragma once

#include "nn/init.h"
#include "nn/module.h"

namespace moco {

/// y = x W^T + b; weight: out x in, bias: out, both drawn uniformly from +-1/sqrt(in). Names: weight, bias.
class Linear final : public Module {
  public:
    Linear(int64_t in, int64_t out, Initializer& init);

    Tensor forward(const Tensor& x) override;  // x: N x in -> N x out
    void set_mode(BatchNormMode) override {}
    void collect(const std::string& prefix, ModuleState& state) const override;

  private:
    Tensor weight_, bias_;
};

}  // namespace moco
