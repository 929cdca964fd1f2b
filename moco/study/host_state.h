// Numbers that the host keeps and that checkpoints hold.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/backend.h"
#include "core/tensor.h"
#include "nn/state.h"

namespace moco {

/// A vector of T (float or int64_t) with a fixed shape, which visitors are shown as a tensor. One thread.
template <typename T>
class HostState {
  public:
    HostState(std::string name, const Shape& shape, T value, Backend& backend)
        : values(static_cast<size_t>(shape.count()), value),
          name_(std::move(name)),
          shown_(Tensor::empty(shape, dtype_of<T>, backend)) {}

    void visit(StateVisitor& visitor) {
        shown_.copy_from_host(values.data());
        visitor.tensor({name_, shown_});
    }
    /// After a visitor that reads a file: takes what it wrote.
    void take() { values = shown_.to_vector<T>(); }

    const std::string& name() const { return name_; }
    const Shape& shape() const { return shown_.shape(); }

    std::vector<T> values;

  private:
    std::string name_;
    Tensor shown_;
};

}  // namespace moco
