// The learning rate as a function of training time: MoCo's two schedules.
#pragma once

#include <cstdint>
#include <vector>

namespace moco {

enum class ScheduleKind {
    cosine,  // base_lr * 0.5 * (1 + cos(pi * e / epochs))
    step,    // base_lr * 0.1 for every milestone <= e
};

/// How often the rate moves: e is the epoch's number, or grows by 1 / steps_per_epoch with every step.
enum class SchedulePer { epoch, step };

struct Schedule {
    float base_lr = 0.03f;
    ScheduleKind kind = ScheduleKind::cosine;
    std::vector<int64_t> milestones = {120, 160};  // epochs; for ScheduleKind::step
    int64_t epochs = 200;                          // of the whole run
    SchedulePer per = SchedulePer::epoch;
    int64_t first_epoch =
        0;  // the number of the first epoch: 0 (the paper's code) or 1 (the CIFAR demo, which ends at 0)
    // Epochs in which the rate grows with every step, linearly from near 0 to base_lr. A cosine then spans the epochs
    // that are left; milestones stay where they are.
    double warmup = 0;
};

/// The rate of step `step` (0 .. steps_per_epoch - 1) of epoch `epoch` (always counted from 0). Past the end of the run
/// the cosine stays at 0.
float learning_rate(const Schedule& schedule, int64_t epoch, int64_t step, int64_t steps_per_epoch);

}  // namespace moco
