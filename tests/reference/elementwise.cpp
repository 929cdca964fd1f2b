#include "tests/reference/elementwise.h"

namespace moco::testing::reference {

Values relu(const Values& x) {
    Values y = x;
    for (double& value : y) value = value > 0 ? value : 0;
    return y;
}

Values relu_backward(const Values& x, const Values& dy) {
    Values dx = dy;
    for (size_t i = 0; i < x.size(); ++i) {
        if (!(x[i] > 0)) dx[i] = 0;
    }
    return dx;
}

Values add(const Values& a, const Values& b) {
    Values y = a;
    for (size_t i = 0; i < y.size(); ++i) y[i] += b[i];
    return y;
}

Values scale(const Values& x, double factor) {
    Values y = x;
    for (double& value : y) value *= factor;
    return y;
}

}  // namespace moco::testing::reference
