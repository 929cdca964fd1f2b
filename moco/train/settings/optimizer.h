// Settings: how long, how large the batches, how fast; SGD and its schedule.
#pragma once

#include <string>
#include <vector>

#include "core/dims.h"
#include "moco/train/settings/table.h"
#include "nn/schedule.h"

namespace moco {

struct OptimizerSettings {
    int64_t epochs = 200;
    int64_t batch_size = 256;                    // images a step (N)
    double lr = 0.03;                            // base learning rate
    bool cos = false;                            // cosine schedule instead of steps
    std::vector<int64_t> schedule = {120, 160};  // epochs after which the learning rate falls to a tenth
    std::string lr_per = "epoch";                // the learning rate is set once an: epoch, step
    int64_t lr_first_epoch = 0;                  // number of the first epoch in the schedule: 0, or 1 (the CIFAR demo)
    double momentum = 0.9;                       // of SGD
    double wd = 1e-4;                            // weight decay, on every parameter
    double warmup = 0;                           // epochs in which the rate grows from 0
    bool scale_lr = false;                       // lr times batch_size / the preset's
    int64_t accumulate = 1;                      // parts in which a batch goes through the network

    bool operator==(const OptimizerSettings&) const = default;
};

void add_rows(SettingTable& table, OptimizerSettings& optimizer);
/// With `rates`, one or several rates as text, in place of --lr.
void add_rows(SettingTable& table, OptimizerSettings& optimizer, std::string& rates);
/// Throws Error, one sentence naming the flags, for what cannot work.
void validate(const OptimizerSettings& optimizer);

/// A sentence where another batch size than the preset's goes with the preset's rate; else empty.
std::string rate_advice(const OptimizerSettings& optimizer, const OptimizerSettings& preset);

/// `preset`: the settings of the preset alone, whose batch size --scale-lr takes as the one of the rate. Throws Error
/// where the rate that comes of it is none that f32 holds.
Schedule schedule_of(const OptimizerSettings& optimizer, const OptimizerSettings& preset);
SgdOptions sgd_options(const OptimizerSettings& optimizer);

}  // namespace moco
