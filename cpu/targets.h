// The instruction sets the kernels were compiled for, best first, and a cap on the one that is used.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moco::cpu {

/// Highway's names of the instruction sets that this machine has and the kernels were compiled for, best first.
std::vector<std::string> usable_targets();

/// The one that kernels run on: the best of usable_targets() within the limit set by limit_targets().
std::string best_target();

/// Tells Highway what to use, once, before the first kernel runs: a kernel that finds nothing chosen asks the processor
/// on each call, which is slow within a virtual machine.
void choose_target();

/// From now on, in the whole process, kernels use nothing better than `name` ("AVX2", ...). Throws Error, listing
/// usable_targets(), if it is not one of them. Not to be called while kernels run.
void limit_targets(std::string_view name);

}  // namespace moco::cpu
