// Runs a test body once for each instruction set that this machine and build have.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "cpu/backend_impl.h"
#include "cpu/targets.h"
#include "tests/support/test_backend.h"

namespace moco::testing {

/// Calls body() with the kernels limited to each usable instruction set in turn; afterwards the best one is back.
template <class Body>
void on_each_target(const Body& body) {
    for (const std::string& target : cpu::usable_targets()) {
        SCOPED_TRACE(target);
        cpu::limit_targets(target);
        body();
    }
    cpu::limit_targets(cpu::usable_targets().front());
}

/// The backend of the tests as what it is, for what the contract does not show.
inline cpu::CpuBackend& cpu_backend() {
    return dynamic_cast<cpu::CpuBackend&>(cpu());
}

/// Extents around the lengths of vectors: one lane, halves and quarters, one off, several.
inline const std::vector<int64_t> kOddSizes = {1, 3, 15, 16, 17, 33};

}  // namespace moco::testing
