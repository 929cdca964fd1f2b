// All parameters of one encoder in one flat buffer: values, gradients and momenta are one buffer each, the named
// tensors are views. The SGD step, the momentum update of f_k and the gradient all-reduce are then one call over one
// buffer.
#pragma once

#include <vector>

#include "core/tensor.h"
#include "nn/state.h"

namespace moco {

enum class ArenaContents { values_only, values_and_gradients };

class ParameterArena {
  public:
    ParameterArena() = default;
    /// Moves `parameters` (f32, one backend, at least one) into one buffer and rebinds their handles to it. With
    /// gradients, the tensors also get requires_grad and a view of the gradient buffer. Each starts at a multiple of 16
    /// elements; the gaps stay zero.
    ParameterArena(std::vector<NamedTensor> parameters, ArenaContents contents);

    const std::vector<NamedTensor>& parameters() const { return parameters_; }
    Tensor& values() { return values_; }  // flat, f32, count() elements
    const Tensor& values() const { return values_; }
    Tensor& gradients();  // flat, or undefined with values_only
    int64_t count() const { return values_.defined() ? values_.count() : 0; }
    /// A buffer laid out like values(), and the view of it that belongs to parameter i (momenta, for instance).
    Tensor zeros_like_values() const;
    Tensor view_of(const Tensor& buffer, size_t i) const;
    /// Where parameter i begins in the buffers; i = the number of parameters: where the last one ends, gap included.
    int64_t offset(size_t i) const { return i < offsets_.size() ? offsets_[i] : count(); }
    void zero_gradients();  // each as Tensor::zero_grad does it
    /// Tells every parameter's version counter that values() was written; again with each replay of a recorded step.
    void bump_versions();

  private:
    std::vector<NamedTensor> parameters_;
    std::vector<int64_t> offsets_;
    Tensor values_, gradients_;
};

}  // namespace moco
