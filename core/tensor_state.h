// What a Tensor handle points at. Internal to core/.
#pragma once

#include <atomic>
#include <memory>

#include "core/tensor.h"

namespace moco {

/// Device memory that frees itself.
struct Storage {
    Storage(size_t size, Backend& owner);
    ~Storage();
    Storage(const Storage&) = delete;
    Storage& operator=(const Storage&) = delete;

    Backend& backend;
    size_t bytes;
    void* memory;
};

struct TensorState {
    std::shared_ptr<Storage> storage;
    size_t byte_offset = 0;
    Shape shape;
    DType dtype = DType::f32;
    std::shared_ptr<std::atomic<uint64_t>> version;  // shared by all views of the same elements
    bool requires_grad = false;                      // of a leaf
    Tensor grad;                                     // of a leaf
    bool grad_is_zero = false;                       // whatever its memory still holds
    std::shared_ptr<Node> node;                      // of the result of a recorded op
};

/// Lets the autograd engine reach the state behind a handle.
struct TensorAccess {
    static TensorState& state(const Tensor& tensor) { return *tensor.state_; }
    /// Whether no other handle or view sees the elements, so that writing to them surprises nobody.
    static bool is_only_handle(const Tensor& tensor) {
        return tensor.state_.use_count() == 1 && tensor.state_->storage.use_count() == 1;
    }
};

}  // namespace moco
