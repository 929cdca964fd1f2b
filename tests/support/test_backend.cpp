#include "tests/support/test_backend.h"

#include "cpu/cpu_backend.h"

namespace moco::testing {

Backend& cpu() {
    static const std::unique_ptr<Backend> backend = make_cpu_backend();
    return *backend;
}

}  // namespace moco::testing
