// Sentences that say what seems to be wrong with a run, and what to try: pure functions of what it has reported.
#pragma once

#include <cstdint>
#include <vector>

#include "moco/study/run_history.h"
#include "moco/train/diagnostics_report.h"

namespace moco {

/// What alarms know of a run besides its history.
struct RunFacts {
    int64_t K = 0, images = 0, C = 0;  // keys in the queue, training images, feature dimension
    int64_t keys_a_step = 0;           // that enter the queue
    double m = 0.999, T = 0.07;
    int64_t directions = 1;  // 2: symmetric, whose loss is a sum of two
    bool shuffled = true;    // keys, over the batch norm splits
};

/// Loss where nothing is known, ln(1 + K), and where the positive's similarity is 1 and all others are 0,
/// ln(1 + K exp(-1 / T)); times the directions.
double chance_loss(const RunFacts& run);
double floor_loss(const RunFacts& run);

/// All that hold now, raised before or not:
/// large-queue: the queue holds at least as many keys as there are images.
/// chance: over the last 100 logged steps the loss came less than 3 % of the way from chance to floor.
/// oscillation: over the last 100 logged steps the contrast accuracy swung by 30 points and more, again and again.
/// leak: the contrast accuracy of an epoch is above 99 % while kNN is no better than in an earlier epoch.
/// collapse: the queue's keys spread over less than two of C directions, twice in a row.
std::vector<Alarm> alarms_of(const RunFacts& run, const RunHistory& history);

}  // namespace moco
