// Asks Highway which instruction sets there are. A bit of Highway's masks is a target; a lower bit is a better one.
#include "cpu/targets.h"

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

/// Asked once, before anything is limited.
int64_t usable_mask() {
    static const int64_t mask = hwy::SupportedTargets() & (HWY_TARGETS);
    return mask;
}

}  // namespace

std::vector<std::string> usable_targets() {
    std::vector<std::string> names;
    for (const int64_t target : targets_of(usable_mask())) names.emplace_back(hwy::TargetName(target));
    return names;
}

std::string best_target() {
    return hwy::TargetName(targets_of(hwy::SupportedTargets() & usable_mask()).front());
}

void choose_target() {
    hwy::GetChosenTarget().Update(hwy::SupportedTargets() & usable_mask());
}

void limit_targets(std::string_view name) {
    int64_t allowed = usable_mask();
    for (const int64_t target : targets_of(allowed)) {
        if (name == hwy::TargetName(target)) {
            hwy::SetSupportedTargetsForTest(allowed);
            return choose_target();
        }
        allowed &= ~target;
    }
    std::string known;
    for (const std::string& usable : usable_targets()) known += (known.empty() ? "" : ", ") + usable;
    fail("MOCO_TARGET is \"{}\": this machine and build know {}; unset it for the best of them", name, known);
}

}  // namespace moco::cpu
#endif
