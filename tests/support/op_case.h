// One op with its inputs, its reference and its bounds: what the test chain is run on.
//
//     finite differences --(expect_difference_quotients)--> reference --(expect_agrees)--> backend through the op and
//     autograd; and PyTorch --(expect_golden)--> backend.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "tests/reference/values.h"
#include "tests/support/npy.h"
#include "tests/support/test_backend.h"

namespace moco::testing {

using reference::Values;

/// Values by the formula (tests/support/values.h) times factor plus offset, in f32; the salt is the input's position
/// from 1. Golden scripts do the same.
struct OpInput {
    std::string name;
    Shape shape;
    float factor = 1;
    float offset = 0;
    DType dtype = DType::f32;
};

struct OpCase {
    std::string what;             // for messages: the op and its dimensions
    std::vector<OpInput> inputs;  // all of them can take a gradient
    std::function<Tensor(const std::vector<Tensor>& inputs)> op;
    std::function<Values(const std::vector<Values>& inputs)> forward;
    /// One gradient an input, in order.
    std::function<std::vector<Values>(const std::vector<Values>& inputs, const Values& dy)> backward;
    double forward_tolerance = 0;
    std::vector<double> backward_tolerances;  // one an input
    /// Where a ReLU ends the op: what it is given. An element within kKink of 0 may be masked in f32 and not in double,
    /// so its dy is made 0 on both sides.
    std::function<Values(const std::vector<Values>& inputs)> before_relu = nullptr;
};

/// The same case with the inputs called `activations` in bf16. All values, dy too, are rounded to bf16 first, so that
/// the reference is given what the op is; the bounds grow by kStoredAsBf16 where the result is bf16.
OpCase in_bf16(OpCase op_case, const std::vector<std::string>& activations);

/// (a) The reference's backward is the derivative of its forward: central differences in double, along one random
/// direction through all elements and at some elements of each input.
void expect_difference_quotients(const OpCase& op_case);

/// (b) The op's value and gradients on `backend` against the reference. Also: an op asked for one input's gradient only
/// gives the same bits as one asked for all and leaves the others undefined; NoGrad records nothing and computes the
/// same; and no device memory is left in use.
void expect_agrees(const OpCase& op_case, const TestBackend& backend);

/// (c) The op's value ("NAME.y") and gradients ("NAME.d<input>") on `backend` against the golden values of a pack.
void expect_golden(const OpCase& op_case, const TestBackend& backend, const GoldenPack& pack, const std::string& name,
                   double tolerance);

/// sum(y * dy) as the end of a graph, so that y's gradient is `dy` (host values).
Tensor weighted_sum(const Tensor& y, const std::vector<float>& dy);

/// The elements of an f32 or bf16 tensor.
std::vector<float> floats_of(const Tensor& tensor);

/// The gradient that op_case's result is given, by the formula.
std::vector<float> formula_dy(int64_t count);

/// The text of the Error that `body` throws; a test failure if it throws none.
std::string error_of(const std::function<void()>& body);

}  // namespace moco::testing
