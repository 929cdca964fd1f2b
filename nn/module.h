// What has parameters: a function of a tensor that remembers weights, has two modes and can name its state.
#pragma once

#include <string>

#include "core/tensor.h"
#include "nn/state.h"
#include "ops/batch_norm.h"

namespace moco {

/// A layer or a network. Not copyable: its parameters are its identity. One thread at a time uses a module.
class Module {
  public:
    Module() = default;
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;
    virtual ~Module() = default;

    /// The module's function. Records a graph when gradients are on and an input or a parameter requires one.
    virtual Tensor forward(const Tensor& x) = 0;

    /// Train: batch normalisation uses and records batch statistics. Eval: it uses the running ones. Modules start in
    /// train mode; those without batch normalisation behave the same in both.
    virtual void set_mode(BatchNormMode mode) = 0;

    /// Appends parameters and buffers to `state`, each name being `prefix` followed by the module's own
    /// ("conv1.weight"). The prefix brings its dot with it ("layer1.0.").
    virtual void collect(const std::string& prefix, ModuleState& state) const = 0;
};

}  // namespace moco
