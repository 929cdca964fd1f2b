// Asks Highway which instruction sets there are. A bit of Highway's masks is a target; a lower bit is a better one.
#include "cpu/targets.h"

#include <fmt/ranges.h>

#include "core/error.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/targets.cpp"
#include "cpu/simd.h"

#if HWY_ONCE
namespace moco::cpu {
namespace {

std::vector<int64_t> targets_of(int64_t mask) {
    std::vector<int64_t> targets;
    for (; mask != 0; mask &= mask - 1) targets.push_back(mask & -mask);
    return targets;
}

int64_t usable_mask() {
    hwy::SetSupportedTargetsForTest(0);
    return hwy::SupportedTargets() & (HWY_TARGETS);
}

}  // namespace

std::vector<std::string> usable_targets() {
    const int64_t before = hwy::SupportedTargets();
    std::vector<std::string> names;
    for (const int64_t target : targets_of(usable_mask())) names.emplace_back(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(before);
    return names;
}

std::string best_target() {
    return hwy::TargetName(targets_of(hwy::SupportedTargets() & (HWY_TARGETS)).front());
}

void limit_targets(std::string_view name) {
    const std::vector<std::string> names = usable_targets();
    int64_t allowed = usable_mask();
    for (const int64_t target : targets_of(allowed)) {
        if (name == hwy::TargetName(target)) {
            hwy::SetSupportedTargetsForTest(allowed);
            hwy::GetChosenTarget().Update(allowed);
            return;
        }
        allowed &= ~target;
    }
    fail("MOCO_TARGET is \"{}\": this machine and build know {}; unset it for the best of them", name,
         fmt::join(names, ", "));
}

}  // namespace moco::cpu
#endif
