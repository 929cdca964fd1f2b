// Reference of max pooling and global average pooling.
#pragma once

#include "core/dims.h"
#include "tests/reference/values.h"

namespace moco::testing::reference {

Values max_pool(const PoolDims& d, const Values& x);
/// dy goes to each window's first maximum in row order.
Values max_pool_backward(const PoolDims& d, const Values& x, const Values& dy);

Values global_avg_pool(const Values& x, int64_t N, int64_t HW, int64_t C);
Values global_avg_pool_backward(const Values& dy, int64_t N, int64_t HW, int64_t C);

}  // namespace moco::testing::reference
