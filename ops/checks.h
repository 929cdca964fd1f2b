// What every op asks of its arguments before it computes, said the same way in all of them.
//
// Kernels trust their arguments, so an op checks once and its message names the op, the argument, what it is and what
// was expected. Shapes are written with their letters: "x 128x16x16x32 N,H,W,C".
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "core/autograd.h"
#include "core/backend.h"
#include "core/tensor.h"

namespace moco {

/// The types an argument may have: activations may be bf16.
enum class Accepts { f32, f32_or_bf16 };

/// An argument of an op as its messages call it.
struct Argument {
    std::string_view name;     // "weight"
    const Tensor& tensor;      // may be undefined
    std::string_view letters;  // "O,H,W,I": one letter a dimension; empty for any shape
    Accepts accepts = Accepts::f32;
};

/// Throws Error unless every argument is defined, of a type it may have, not empty, has as many dimensions as letters,
/// and all are on one backend.
void check_arguments(std::string_view op, std::initializer_list<Argument> arguments);

/// Throws Error unless `index` is defined, i64, one-dimensional, not empty, and on the backend of `x`.
void check_index(std::string_view op, const Argument& index, const Argument& x);

/// Throws Error unless a and b have the same shape and type.
void check_alike(std::string_view op, const Argument& a, const Argument& b);

/// "weight 64x3x3x64 O,H,W,I". Messages take the argument itself, and spell it only when they are needed.
std::string to_string(const Argument& argument);

/// Whether an op should prepare a gradient for any of these: it wants one and gradients are on.
template <typename... Tensors>
bool wants_gradient(const Tensors&... tensors) {
    return gradients_enabled() && (tensors.requires_grad() || ...);
}

/// Uninitialised memory like x if `needed`, else undefined.
inline Tensor empty_if(bool needed, const Tensor& x) {
    return needed ? Tensor::empty_like(x) : Tensor();
}

/// The memory of a tensor that may be undefined: null says "not needed" to a kernel.
template <typename T = float>
T* data_or_null(Tensor& x) {
    return x.defined() ? x.mutable_data<T>() : nullptr;
}
template <typename T = float>
const T* data_or_null(const Tensor& x) {
    return x.defined() ? x.data<T>() : nullptr;
}
/// The same of an activation, whose type the kernel is told.
inline void* raw_or_null(Tensor& x) {
    return x.defined() ? x.mutable_raw() : nullptr;
}
inline const void* raw_or_null(const Tensor& x) {
    return x.defined() ? x.raw() : nullptr;
}

}  // namespace moco

template <>
struct fmt::formatter<moco::Argument> : moco::FormatAsString<moco::Argument> {};
