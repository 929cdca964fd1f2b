#include "core/tensor.h"

#include <utility>

#include "core/backend.h"
#include "core/tensor_state.h"

namespace moco {

Storage::Storage(size_t size, Backend& owner) : backend(owner), bytes(size), memory(owner.allocate(size)) {}
Storage::~Storage() {
    backend.release(memory, bytes);
}

namespace {

void check_defined(bool defined, const char* what) {
    check(defined, "Tensor::{}: the tensor is undefined", what);
}

}  // namespace

Tensor Tensor::empty(const Shape& shape, DType dtype, Backend& backend) {
    auto state = std::make_shared<TensorState>();
    state->storage = std::make_shared<Storage>(static_cast<size_t>(shape.count()) * size_of(dtype), backend);
    state->shape = shape;
    state->dtype = dtype;
    state->version = std::make_shared<std::atomic<uint64_t>>(0);
    return Tensor(std::move(state));
}

Tensor Tensor::empty_like(const Tensor& other) {
    return empty(other.shape(), other.dtype(), other.backend());
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Backend& backend) {
    Tensor tensor = empty(shape, dtype, backend);
    tensor.fill_zero();
    return tensor;
}

Tensor Tensor::full(const Shape& shape, float value, Backend& backend) {
    return from_host(std::vector<float>(static_cast<size_t>(shape.count()), value), shape, backend);
}

const Shape& Tensor::shape() const {
    check_defined(defined(), "shape");
    return state_->shape;
}

DType Tensor::dtype() const {
    check_defined(defined(), "dtype");
    return state_->dtype;
}

Backend& Tensor::backend() const {
    check_defined(defined(), "backend");
    return state_->storage->backend;
}

const void* Tensor::raw() const {
    check_defined(defined(), "data");
    return static_cast<const char*>(state_->storage->memory) + state_->byte_offset;
}

const void* Tensor::typed(DType expected) const {
    check_defined(defined(), "data");
    check(state_->dtype == expected, "Tensor::data: the tensor is {}, accessed as {}", state_->dtype, expected);
    return raw();
}

void Tensor::copy_from_host(const void* source) {
    backend().copy_from_host(mutable_raw(), source, bytes());
    bump_version();
}

void Tensor::copy_to_host(void* target) const {
    backend().copy_to_host(target, raw(), bytes());
}

void Tensor::copy_from(const Tensor& source) {
    check(shape() == source.shape() && dtype() == source.dtype() && &backend() == &source.backend(),
          "Tensor::copy_from: target is {}, source is {}; shape, type and device must agree", *this, source);
    backend().copy(mutable_raw(), source.raw(), bytes());
    bump_version();
}

void Tensor::fill_zero() {
    backend().fill_zero(mutable_raw(), bytes());
    bump_version();
}

float Tensor::item() const {
    check(count() == 1, "Tensor::item: the tensor has shape {}, expected one element", shape());
    return to_vector<float>()[0];
}

Tensor Tensor::detached() const {
    check_defined(defined(), "detached");
    auto state = std::make_shared<TensorState>();
    state->storage = state_->storage;
    state->byte_offset = state_->byte_offset;
    state->shape = state_->shape;
    state->dtype = state_->dtype;
    state->version = state_->version;
    return Tensor(std::move(state));
}

Tensor Tensor::rows(int64_t begin, int64_t end) const {
    check(shape().rank() > 0 && 0 <= begin && begin <= end && end <= dim(0),
          "Tensor::rows: [{}, {}) of a tensor of shape {}", begin, end, shape());
    Tensor view = detached();
    const int64_t row_count = dim(0) == 0 ? 0 : count() / dim(0);
    view.state_->byte_offset += static_cast<size_t>(begin * row_count) * size_of(dtype());
    view.state_->shape = shape().with_rows(end - begin);
    return view;
}

Tensor Tensor::viewed_as(const Shape& shape) const {
    check(shape.count() == count(), "Tensor::viewed_as: {} elements of shape {} cannot be seen as {}", count(),
          this->shape(), shape);
    Tensor view = detached();
    view.state_->shape = shape;
    return view;
}

bool Tensor::requires_grad() const {
    return defined() && (state_->requires_grad || state_->node != nullptr);
}

void Tensor::set_requires_grad(bool on) {
    check_defined(defined(), "set_requires_grad");
    check(state_->node == nullptr, "Tensor::set_requires_grad: the tensor is the result of an op, not a leaf");
    state_->requires_grad = on;
}

Tensor Tensor::grad() const {
    check_defined(defined(), "grad");
    if (std::exchange(state_->grad_is_zero, false)) state_->grad.fill_zero();
    return state_->grad;
}

void Tensor::set_grad(const Tensor& grad) {
    check(grad.shape() == shape() && grad.dtype() == dtype(), "Tensor::set_grad: gradient {} for a tensor {}", grad,
          *this);
    state_->grad = grad;
    state_->grad_is_zero = false;
}

void Tensor::zero_grad() {
    check_defined(defined(), "zero_grad");
    state_->grad_is_zero = state_->grad.defined();
}

uint64_t Tensor::version() const {
    check_defined(defined(), "version");
    return *state_->version;
}

void Tensor::bump_version() {
    check_defined(defined(), "bump_version");
    ++*state_->version;
}

void Tensor::rebind(const Tensor& arena, int64_t offset) {
    check(arena.dtype() == dtype() && offset >= 0 && offset + count() <= arena.count(),
          "Tensor::rebind: {} at element {} does not fit into {}", *this, offset, arena);
    state_->storage = arena.state_->storage;
    state_->byte_offset = arena.state_->byte_offset + static_cast<size_t>(offset) * size_of(dtype());
}

std::string to_string(const Tensor& tensor) {
    return tensor.defined() ? fmt::format("{} {}", tensor.shape(), tensor.dtype()) : "undefined";
}

}  // namespace moco
