// A tensor: a cheap handle on shape, dtype, device memory and, optionally, a place in the autograd graph.
//
// Copying a Tensor copies the handle, never the elements. Memory is contiguous; images are N,H,W,C and convolution
// weights O,H,W,I everywhere. Handles may be passed between threads; the elements are not guarded: one writer at a
// time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/error.h"
#include "core/shape.h"

namespace moco {

class Backend;
class Node;
struct TensorState;

class Tensor {
  public:
    /// An undefined tensor: no memory, defined() is false. Stands for "no gradient" and "no such argument".
    Tensor() = default;

    /// Uninitialised elements on `backend`, which must outlive the tensor. Throws Error when memory runs out.
    static Tensor empty(const Shape& shape, DType dtype, Backend& backend);
    static Tensor empty_like(const Tensor& other);
    static Tensor zeros(const Shape& shape, DType dtype, Backend& backend);
    static Tensor full(const Shape& shape, float value, Backend& backend);  // f32
    /// Elements copied from host memory.
    template <typename T>
    static Tensor from_host(const std::vector<T>& values, const Shape& shape, Backend& backend) {
        check(static_cast<int64_t>(values.size()) == shape.count(), "Tensor::from_host: {} values do not fill shape {}",
              values.size(), shape);
        Tensor tensor = empty(shape, dtype_of<T>, backend);
        tensor.copy_from_host(values.data());
        return tensor;
    }

    bool defined() const { return state_ != nullptr; }
    const Shape& shape() const;
    int64_t dim(int i) const { return shape()[i]; }
    int64_t count() const { return shape().count(); }
    size_t bytes() const { return static_cast<size_t>(count()) * size_of(dtype()); }
    DType dtype() const;
    Backend& backend() const;

    /// Device pointers to the first element, whatever its type.
    const void* raw() const;
    void* mutable_raw() { return const_cast<void*>(raw()); }
    /// The same as pointers to `T`, which must be the tensor's type (float for f32, int64_t for i64, ...).
    template <typename T = float>
    const T* data() const {
        return static_cast<const T*>(typed(dtype_of<T>));
    }
    template <typename T = float>
    T* mutable_data() {
        return static_cast<T*>(const_cast<void*>(typed(dtype_of<T>)));
    }

    /// Copies all elements from or to host memory of bytes() bytes; returns when the copy is complete.
    void copy_from_host(const void* source);
    void copy_to_host(void* target) const;
    template <typename T = float>
    std::vector<T> to_vector() const {
        check(dtype_of<T> == dtype(), "Tensor::to_vector: the tensor is {}, not {}", dtype(), dtype_of<T>);
        std::vector<T> values(static_cast<size_t>(count()));
        copy_to_host(values.data());
        return values;
    }
    /// Copies the elements of `source` (same shape and type, same backend) into this tensor and bumps the version.
    void copy_from(const Tensor& source);
    void fill_zero();
    /// The value of a tensor with one element; waits for the device.
    float item() const;

    /// Rows [begin, end) of dimension 0, sharing memory and version, outside the graph.
    Tensor rows(int64_t begin, int64_t end) const;
    /// The same elements under another shape of equal count, sharing memory and version, outside the graph.
    Tensor viewed_as(const Shape& shape) const;
    /// The same memory and version without a place in the graph.
    Tensor detached() const;

    // ---- autograd (core/autograd.h) ----
    /// True for a leaf marked by set_requires_grad and for the result of a recorded op.
    bool requires_grad() const;
    /// Marks this leaf as wanting a gradient. Throws Error on a result of an op.
    void set_requires_grad(bool on);
    /// Gradient of a leaf, same shape; undefined before backward unless set_grad gave it memory.
    Tensor grad() const;
    /// Memory into which backward *adds* this leaf's gradient (a view of a parameter arena).
    void set_grad(const Tensor& grad);
    /// Makes this leaf's gradient zero, if it has one. The memory is written only when the next gradient comes or
    /// grad() is called: until then a handle from an earlier grad() shows the old values.
    void zero_grad();
    /// Runs backward from this scalar: dthis * d(this)/d(leaf) is added to every reachable leaf. Frees what was saved.
    void backward(float dthis = 1);

    /// Counts the writes to the memory; a saved tensor whose version moved makes backward fail loudly.
    uint64_t version() const;
    void bump_version();

    /// Makes this handle, and every copy of it, point at `offset` elements into `arena`. For ParameterArena only.
    void rebind(const Tensor& arena, int64_t offset);

  private:
    friend class Node;
    friend struct TensorAccess;
    explicit Tensor(std::shared_ptr<TensorState> state) : state_(std::move(state)) {}
    const void* typed(DType expected) const;

    std::shared_ptr<TensorState> state_;
};

/// "128x16x16x32 f32"; "undefined".
std::string to_string(const Tensor& tensor);

}  // namespace moco

template <>
struct fmt::formatter<moco::Tensor> : moco::FormatAsString<moco::Tensor> {};
