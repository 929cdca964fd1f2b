#include "nn/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace moco {

float learning_rate(const Schedule& s, int64_t epoch, int64_t step, int64_t steps_per_epoch) {
    check(s.epochs >= 1, "learning_rate: a run of {} epochs has no schedule; expected at least 1", s.epochs);
    check(steps_per_epoch >= 1, "learning_rate: {} steps an epoch; expected at least 1", steps_per_epoch);
    const double steps = static_cast<double>(steps_per_epoch);
    const double after = static_cast<double>(epoch) + static_cast<double>(step + 1) / steps;  // epochs, with this step
    if (after < s.warmup) return static_cast<float>(s.base_lr * after / s.warmup);
    double e = static_cast<double>(epoch + s.first_epoch);
    if (s.per == SchedulePer::step) e += static_cast<double>(step) / steps;
    double rate = s.base_lr;
    if (s.kind == ScheduleKind::cosine) {
        // Counting from 1 and moving with every step, the last epoch would climb the cosine again.
        const double done = std::clamp((e - s.warmup) / (static_cast<double>(s.epochs) - s.warmup), 0.0, 1.0);
        rate *= 0.5 * (1.0 + std::cos(std::numbers::pi * done));
    } else {
        for (const int64_t milestone : s.milestones) rate *= e >= static_cast<double>(milestone) ? 0.1 : 1.0;
    }
    return static_cast<float>(rate);
}

}  // namespace moco
