#include "nn/linear.h"

#include "ops/linear.h"

namespace moco {

Linear::Linear(int64_t in, int64_t out, Initializer& init, LinearInit how)
    : weight_(how == LinearInit::probe ? init.normal({out, in}, 0.01f) : init.uniform({out, in}, in)),
      bias_(how == LinearInit::probe ? init.constant({out}, 0) : init.uniform({out}, in)) {}

Tensor Linear::forward(const Tensor& x) {
    return linear(x, weight_, bias_);
}

void Linear::collect(const std::string& prefix, ModuleState& state) const {
    state.parameters.push_back({prefix + "weight", weight_});
    state.parameters.push_back({prefix + "bias", bias_});
}

}  // namespace moco
