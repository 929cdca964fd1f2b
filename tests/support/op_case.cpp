#include "tests/support/op_case.h"

#include <algorithm>
#include <cmath>

#include "core/autograd.h"
#include "core/bf16.h"
#include "ops/cast.h"
#include "tests/support/tolerances.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

constexpr uint32_t kDySalt = 77, kDirectionSalt = 78;
constexpr double kKink = 1e-4;  // well above any tolerance of a ReLU's argument

bool is_bf16(const OpCase& op_case) {
    return std::ranges::any_of(op_case.inputs, [](const OpInput& input) { return input.dtype == DType::bf16; });
}

std::vector<float> rounded_for(const OpCase& op_case, std::vector<float> values) {
    if (!is_bf16(op_case)) return values;
    for (float& value : values) value = bf16_to_float(float_to_bf16(value));
    return values;
}

std::vector<float> input_values(const OpCase& op_case, size_t i) {
    const OpInput& input = op_case.inputs[i];
    std::vector<float> values = formula_values(input.shape.count(), static_cast<uint32_t>(i + 1));
    for (float& value : values) value = value * input.factor + input.offset;
    return rounded_for(op_case, std::move(values));
}

std::vector<Values> reference_inputs(const OpCase& op_case) {
    std::vector<Values> inputs;
    for (size_t i = 0; i < op_case.inputs.size(); ++i) {
        const std::vector<float> values = input_values(op_case, i);
        inputs.emplace_back(values.begin(), values.end());
    }
    return inputs;
}

double dot(const Values& a, const Values& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

double rms(const Values& values) {
    return std::sqrt(dot(values, values) / static_cast<double>(std::max<size_t>(values.size(), 1)));
}

std::vector<float> dy_away_from_kinks(const OpCase& op_case, const std::vector<Values>& inputs, size_t count) {
    std::vector<float> dy = rounded_for(op_case, formula_dy(static_cast<int64_t>(count)));
    if (!op_case.before_relu) return dy;
    const Values before = op_case.before_relu(inputs);
    for (size_t i = 0; i < count; ++i) {
        if (std::abs(before[i]) < kKink) dy[i] = 0;
    }
    return dy;
}

/// Leaves NaN in the memory that an op is likely to be given for results of these sizes, so that an element that no
/// kernel writes is seen.
void poison(const OpCase& op_case, int64_t y_count, Backend& backend) {
    std::vector<Tensor> held;
    for (int copy = 0; copy < 4; ++copy) {
        held.push_back(Tensor::full({y_count}, NAN, backend));
        for (const OpInput& input : op_case.inputs) held.push_back(Tensor::full(input.shape, NAN, backend));
    }
}

/// The op once, with gradients for the inputs marked in `wanted`.
struct Run {
    std::vector<float> y;
    std::vector<Tensor> gradients;  // undefined where not wanted
};

Run run_op(const OpCase& op_case, const std::vector<float>& dy, Backend& backend, const std::vector<bool>& wanted) {
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < op_case.inputs.size(); ++i) {
        const OpInput& input = op_case.inputs[i];
        inputs.push_back(cast(Tensor::from_host(input_values(op_case, i), input.shape, backend), input.dtype));
        inputs[i].set_requires_grad(wanted[i]);
    }
    poison(op_case, static_cast<int64_t>(dy.size()), backend);
    const Tensor y = op_case.op(inputs);
    Run run = {floats_of(y), {}};
    if (y.requires_grad()) weighted_sum(cast(y, DType::f32), dy).backward();
    for (const Tensor& input : inputs) run.gradients.push_back(input.grad());
    return run;
}

void expect_gradients_on_demand(const OpCase& op_case, Backend& backend, const Run& all, const std::vector<float>& dy) {
    const size_t count = op_case.inputs.size();
    for (size_t i = 0; count > 1 && i < count; ++i) {
        std::vector<bool> wanted(count, false);
        wanted[i] = true;
        const Run one = run_op(op_case, dy, backend, wanted);
        EXPECT_EQ(one.y, all.y);
        for (size_t j = 0; j < count; ++j) {
            ASSERT_EQ(one.gradients[j].defined(), i == j) << "asked for input " << i << " alone, input " << j;
        }
        EXPECT_EQ(floats_of(one.gradients[i]), floats_of(all.gradients[i])) << op_case.inputs[i].name;
    }
    const NoGrad no_gradient;
    const Run none = run_op(op_case, dy, backend, std::vector<bool>(count, true));
    EXPECT_EQ(none.y, all.y);
    for (const Tensor& gradient : none.gradients) EXPECT_FALSE(gradient.defined()) << "recorded under NoGrad";
}

}  // namespace

Tensor weighted_sum(const Tensor& y, const std::vector<float>& dy) {
    const std::vector<float> values = y.to_vector();
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += double(values[i]) * dy[i];
    return record(Tensor::full({}, static_cast<float>(sum), y.backend()), {y},
                  [dy = Tensor::from_host(dy, y.shape(), y.backend())](const Tensor&) { return Gradients{dy}; });
}

std::vector<float> floats_of(const Tensor& tensor) {
    return cast(tensor.detached(), DType::f32).to_vector();
}

OpCase in_bf16(OpCase op_case, const std::vector<std::string>& activations) {
    op_case.what += " in bf16";
    op_case.forward_tolerance += kStoredAsBf16;
    for (size_t i = 0; i < op_case.inputs.size(); ++i) {
        if (std::ranges::find(activations, op_case.inputs[i].name) == activations.end()) continue;
        op_case.inputs[i].dtype = DType::bf16;
        op_case.backward_tolerances[i] += kStoredAsBf16;
    }
    return op_case;
}

std::vector<float> formula_dy(int64_t count) {
    return formula_values(count, kDySalt);
}

std::string error_of(const std::function<void()>& body) {
    try {
        body();
    } catch (const Error& error) {
        return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return "";
}

void expect_difference_quotients(const OpCase& op_case) {
    SCOPED_TRACE(op_case.what);
    constexpr double kStep = 1e-5;
    const std::vector<Values> inputs = reference_inputs(op_case);
    const Values y = op_case.forward(inputs);
    const std::vector<float> dy_values = formula_dy(static_cast<int64_t>(y.size()));
    const Values dy(dy_values.begin(), dy_values.end());
    const std::vector<Values> gradients = op_case.backward(inputs, dy);
    ASSERT_EQ(gradients.size(), inputs.size());

    // d/dt of sum(forward(inputs with input i moved by t * direction) * dy) at 0.
    const auto slope = [&](size_t i, const Values& direction) {
        double at[2];
        for (const int side : {0, 1}) {
            std::vector<Values> moved = inputs;
            for (size_t e = 0; e < direction.size(); ++e) moved[i][e] += (side == 0 ? -kStep : kStep) * direction[e];
            at[side] = dot(op_case.forward(moved), dy);
        }
        return (at[1] - at[0]) / (2 * kStep);
    };
    for (size_t i = 0; i < inputs.size(); ++i) {
        SCOPED_TRACE(op_case.inputs[i].name);
        const size_t count = inputs[i].size();
        ASSERT_EQ(gradients[i].size(), count);
        const std::vector<float> random = formula_values(static_cast<int64_t>(count), kDirectionSalt);
        const Values direction(random.begin(), random.end());
        // The directional derivative adds up `count` terms of about the gradient's RMS.
        const double scale = rms(gradients[i]) * std::sqrt(static_cast<double>(count)) + 1e-3;
        EXPECT_NEAR(slope(i, direction), dot(gradients[i], direction), kDifferences * scale);
        const size_t stride = count / 16 + 1;
        for (size_t e = 0; e < count; e += stride) {
            Values unit(count, 0.0);
            unit[e] = 1;
            EXPECT_NEAR(slope(i, unit), gradients[i][e], kDifferences * (rms(gradients[i]) + 1e-3)) << "element " << e;
        }
    }
}

void expect_agrees(const OpCase& op_case, const TestBackend& backend) {
    SCOPED_TRACE(op_case.what);
    const size_t in_use = backend.bytes_in_use();
    {
        const std::vector<Values> inputs = reference_inputs(op_case);
        const Values y = op_case.forward(inputs);
        const std::vector<float> dy = dy_away_from_kinks(op_case, inputs, y.size());
        const Run run = run_op(op_case, dy, backend.backend(), std::vector<bool>(inputs.size(), true));
        EXPECT_LE(error_over_rms(run.y, y), op_case.forward_tolerance * backend.tolerance) << "y";
        const std::vector<Values> gradients = op_case.backward(inputs, Values(dy.begin(), dy.end()));
        for (size_t i = 0; i < inputs.size(); ++i) {
            ASSERT_TRUE(run.gradients[i].defined()) << op_case.inputs[i].name;
            EXPECT_LE(error_over_rms(floats_of(run.gradients[i]), gradients[i]),
                      op_case.backward_tolerances[i] * backend.tolerance)
                << "d" << op_case.inputs[i].name;
        }
        expect_gradients_on_demand(op_case, backend.backend(), run, dy);
    }
    EXPECT_EQ(backend.bytes_in_use(), in_use) << "device memory is still in use";
}

void expect_golden(const OpCase& op_case, const TestBackend& backend, const GoldenPack& pack, const std::string& name,
                   double tolerance) {
    SCOPED_TRACE(name);
    const Values y = pack[name + ".y"].values;
    const std::vector<float> dy = formula_dy(static_cast<int64_t>(y.size()));
    const Run run = run_op(op_case, dy, backend.backend(), std::vector<bool>(op_case.inputs.size(), true));
    EXPECT_LE(error_over_rms(run.y, y), tolerance) << "y";
    for (size_t i = 0; i < op_case.inputs.size(); ++i) {
        const std::string gradient = "d" + op_case.inputs[i].name;
        ASSERT_TRUE(run.gradients[i].defined()) << gradient;
        EXPECT_LE(error_over_rms(run.gradients[i].to_vector(), pack[name + "." + gradient].values), tolerance)
            << gradient;
    }
}

}  // namespace moco::testing
