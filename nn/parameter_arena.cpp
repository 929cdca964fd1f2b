#include "nn/parameter_arena.h"

#include "core/backend.h"

namespace moco {
namespace {

constexpr int64_t kAlignment = 16;  // elements: a cache line, and a vector of any instruction set

}  // namespace

ParameterArena::ParameterArena(std::vector<NamedTensor> parameters, ArenaContents contents)
    : parameters_(std::move(parameters)) {
    check(!parameters_.empty(), "ParameterArena: there are no parameters");
    Backend& backend = parameters_.front().tensor.backend();
    int64_t count = 0;
    for (const NamedTensor& named : parameters_) {
        const Tensor& tensor = named.tensor;
        check(tensor.dtype() == DType::f32 && &tensor.backend() == &backend,
              "ParameterArena: parameter {} is {}; all must be f32 on one device", named.name, tensor);
        offsets_.push_back(count);
        count += (tensor.count() + kAlignment - 1) / kAlignment * kAlignment;
    }
    values_ = Tensor::zeros({count}, DType::f32, backend);
    if (contents == ArenaContents::values_and_gradients) gradients_ = Tensor::zeros({count}, DType::f32, backend);
    for (size_t i = 0; i < parameters_.size(); ++i) {
        Tensor& tensor = parameters_[i].tensor;
        view_of(values_, i).copy_from(tensor);
        tensor.rebind(values_, offsets_[i]);
        if (gradients_.defined()) {
            tensor.set_requires_grad(true);
            tensor.set_grad(view_of(gradients_, i));
        }
    }
}

Tensor ParameterArena::zeros_like_values() const {
    return Tensor::zeros(values_.shape(), DType::f32, values_.backend());
}

Tensor ParameterArena::view_of(const Tensor& buffer, size_t i) const {
    const Shape& shape = parameters_[i].tensor.shape();
    return buffer.rows(offsets_[i], offsets_[i] + shape.count()).viewed_as(shape);
}

void ParameterArena::zero_gradients() {
    for (NamedTensor& parameter : parameters_) parameter.tensor.zero_grad();
}

Tensor& ParameterArena::gradients() {
    for (const NamedTensor& parameter : parameters_) static_cast<void>(parameter.tensor.grad());  // writes its zeros
    return gradients_;
}

void ParameterArena::bump_versions() {
    values_.backend().beside_work([this] {
        for (NamedTensor& parameter : parameters_) parameter.tensor.bump_version();
    });
}

}  // namespace moco
