// The CPU backend. Thread safety as core/backend.h says; threads come from core/parallel.h.
#pragma once

#include <memory>

#include "core/backend.h"

namespace moco {

/// A backend on this machine's processor, with the best instruction set that Highway finds at run time. Memory is
/// cached for reuse until the backend is destroyed; tensors must not outlive it.
std::unique_ptr<Backend> make_cpu_backend();

}  // namespace moco
