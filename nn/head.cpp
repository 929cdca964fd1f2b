#include "nn/head.h"

#include "ops/relu.h"

namespace moco {

Tensor MlpHead::forward(const Tensor& x) {
    return second_.forward(relu(first_.forward(x)));
}

void MlpHead::collect(const std::string& prefix, ModuleState& state) const {
    first_.collect(prefix + "0.", state);
    second_.collect(prefix + "2.", state);
}

std::unique_ptr<Module> make_head(Head head, int64_t in, int64_t dim, Initializer& init) {
    if (head == Head::none) return nullptr;
    check(dim >= 1, "head: dim is {}, it must be at least 1 (128 is the paper's)", dim);
    if (head == Head::mlp) return std::make_unique<MlpHead>(in, dim, init);
    return std::make_unique<Linear>(in, dim, init);
}

}  // namespace moco
