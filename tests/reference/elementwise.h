// Reference of ReLU, addition and scaling.
#pragma once

#include "tests/reference/values.h"

namespace moco::testing::reference {

Values relu(const Values& x);
Values relu_backward(const Values& x, const Values& dy);
Values add(const Values& a, const Values& b);
Values scale(const Values& x, double factor);

}  // namespace moco::testing::reference
