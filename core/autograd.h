// Reverse-mode differentiation: one topological sort and one loop.
//
// An op computes its result y, then calls record(y, {inputs}, backward). `backward` gets dy and returns one gradient an
// input, in order (undefined where none is needed). Backward kernels write; only the engine adds. What the lambda
// captures is what is saved; wrap it in Saved, which detaches (a captured output would make a cycle and leak every
// activation) and notices when the memory was overwritten in between.
#pragma once

#include <functional>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace moco {

using Gradients = std::vector<Tensor>;
using BackwardFunction = std::function<Gradients(const Tensor& dy)>;

/// Puts y into the graph if gradients are on and an input requires one; returns y. `backward` runs at most once and is
/// destroyed, with all it saved, right after. `inputs` may hold undefined tensors.
Tensor record(Tensor y, std::initializer_list<Tensor> inputs, BackwardFunction backward);

/// dy itself where nobody else holds it, so that a gradient may be written in its place; else memory like it.
Tensor in_place_of(const Tensor& dy);

/// A tensor kept for backward: detached, with the version it had. Using it after the memory changed throws Error.
class Saved {
  public:
    Saved() = default;
    /*implicit*/ Saved(const Tensor& tensor)
        : tensor_(tensor.defined() ? tensor.detached() : Tensor()), version_(tensor.defined() ? tensor.version() : 0) {}
    const Tensor& get() const;
    const Tensor* operator->() const { return &get(); }
    bool defined() const { return tensor_.defined(); }

  private:
    Tensor tensor_;
    uint64_t version_ = 0;
};

/// Where an op's backward writes the gradient of one input: where that is a leaf whose gradient is zero, into the
/// leaf's own memory, so that nothing is left to add.
class GradientMemory {
  public:
    /// Made when the op is recorded; keeps no elements of the input alive unless it is a leaf. `input` may be
    /// undefined.
    explicit GradientMemory(const Tensor& input);
    /// Whether a gradient is wanted at all.
    bool wanted() const { return wanted_; }
    /// Uninitialised memory like the input. The op must fill it and return it as this input's gradient.
    Tensor take() const;

  private:
    bool wanted_ = false;
    Shape shape_;
    DType dtype_ = DType::f32;
    Backend* backend_ = nullptr;
    Tensor leaf_;
};

/// Within the scope of one of these, on this thread, ops record nothing.
class NoGrad {
  public:
    NoGrad();
    ~NoGrad();
    NoGrad(const NoGrad&) = delete;
    NoGrad& operator=(const NoGrad&) = delete;

  private:
    bool before_;
};

/// Whether ops record on this thread.
bool gradients_enabled();

}  // namespace moco
