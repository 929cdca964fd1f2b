// The fully connected layer.
#pragma once

#include "nn/init.h"
#include "nn/module.h"

namespace moco {

/// uniform: weight and bias within +-1/sqrt(in), PyTorch's default. probe: weight N(0, 0.01^2), bias 0, as the linear
/// probe of He et al., Sec. 4.1, starts.
enum class LinearInit { uniform, probe };

/// y = x W^T + b; weight: out x in, bias: out. Names: weight, bias.
class Linear final : public Module {
  public:
    Linear(int64_t in, int64_t out, Initializer& init, LinearInit how = LinearInit::uniform);

    Tensor forward(const Tensor& x) override;  // x: N x in -> N x out
    void set_mode(BatchNormMode) override {}
    void collect(const std::string& prefix, ModuleState& state) const override;

  private:
    Tensor weight_, bias_;
};

}  // namespace moco
