// The backends the tests run on. A test text is written once and instantiated for each of them:
//
//     class ReluTest : public EachBackend {};
//     TEST_P(ReluTest, ...) { ... backend() ... }
//     MOCO_FOR_EACH_BACKEND(ReluTest);
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "core/backend.h"

namespace moco::testing {

/// The CPU backend shared by all tests of a program.
Backend& cpu();

struct TestBackend {
    std::string name;
    Backend& (*backend)();
    size_t (*bytes_in_use)();  // device memory that tensors and running kernels hold
    size_t (*peak_bytes)();    // the most of it since the last reset_peak
    void (*reset_peak)();
    double tolerance;                           // times the bounds of tests/support/tolerances.h
    bool rounds_bf16_weight_gradients = false;  // dweight of a convolution of bf16 is a bf16 number
};

/// Every backend of this build: a new one is one more line here.
const std::vector<TestBackend>& test_backends();

class EachBackend : public ::testing::TestWithParam<TestBackend> {
  protected:
    Backend& backend() const { return GetParam().backend(); }
};

inline void PrintTo(const TestBackend& backend, std::ostream* stream) {
    *stream << backend.name;
}

#define MOCO_FOR_EACH_BACKEND(Suite)                                                           \
    INSTANTIATE_TEST_SUITE_P(On, Suite, ::testing::ValuesIn(::moco::testing::test_backends()), \
                             [](const auto& backend_info) { return backend_info.param.name; })

}  // namespace moco::testing
