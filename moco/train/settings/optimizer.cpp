#include "moco/train/settings/optimizer.h"

#include "moco/train/settings/checks.h"

namespace moco {

namespace {

void add_rows_before_rate(SettingTable& table, OptimizerSettings& o) {
    table.group("Optimisation")
        .add("epochs", "N", o.epochs, "passes over the data", {Decides::method, OnResume::may_grow})
        .add("batch-size", "N", o.batch_size, "images a step (N)");
}

void add_rows_behind_rate(SettingTable& table, OptimizerSettings& o) {
    const SettingKind newer = {Decides::method, OnResume::fixed, InCheckpoints::if_changed};
    table.add("cos", "", o.cos, "cosine schedule from the base rate to 0")
        .add("schedule", "E,E,...", o.schedule, "without --cos: epochs at which the rate falls to a tenth")
        .add("lr-per", "epoch|step", o.lr_per, "how often the schedule moves the rate")
        .add("lr-first-epoch", "0|1", o.lr_first_epoch, "number of the first epoch in the schedule (CIFAR demo: 1)")
        .add("momentum", "X", o.momentum, "momentum of SGD")
        .add("wd", "X", o.wd, "weight decay, on every parameter")
        .add("warmup", "EPOCHS", o.warmup, "epochs in which the rate grows from 0, step by step; a part of one will do",
             newer)
        .add("scale-lr", "", o.scale_lr, "multiply the base rate by the batch size over the preset's", newer)
        .add("accumulate", "A", o.accumulate,
             "parts in which a batch goes through the network, for less memory; the batch norm splits stay the same",
             newer);
}

}  // namespace

void add_rows(SettingTable& table, OptimizerSettings& o) {
    add_rows_before_rate(table, o);
    table.add("lr", "RATE", o.lr, "base learning rate");
    add_rows_behind_rate(table, o);
}

void add_rows(SettingTable& table, OptimizerSettings& o, std::string& rates) {
    add_rows_before_rate(table, o);
    table.add("lr", "RATES", rates, "learning rate; several (0.3,1,3), or `sweep`: as many heads learn at once");
    add_rows_behind_rate(table, o);
}

void validate(const OptimizerSettings& o) {
    check_at_least("batch-size", o.batch_size, 1);
    check_at_least("epochs", o.epochs, 1);
    check_real("lr", o.lr, o.lr >= 0, "at least 0");
    check_real("momentum", o.momentum, o.momentum >= 0 && o.momentum < 1, "in 0..1, below 1");
    check_real("wd", o.wd, o.wd >= 0, "at least 0");
    check_one_of("lr-per", o.lr_per, {"epoch", "step"});
    check(o.lr_first_epoch == 0 || o.lr_first_epoch == 1, "--lr-first-epoch {}: it must be 0 or 1", o.lr_first_epoch);
    check(std::is_sorted(o.schedule.begin(), o.schedule.end()) && (o.schedule.empty() || o.schedule.front() >= 0),
          "--schedule {}: the epochs must be in ascending order, at least 0", fmt::join(o.schedule, ","));
    check_real("warmup", o.warmup, o.warmup >= 0 && o.warmup < static_cast<double>(o.epochs),
               fmt::format("at least 0 and below --epochs {}", o.epochs));
    check_at_least("accumulate", o.accumulate, 1);
    check(o.batch_size % o.accumulate == 0, "--accumulate {} does not divide --batch-size {}", o.accumulate,
          o.batch_size);
}

namespace {

double scaled_rate(const OptimizerSettings& o, const OptimizerSettings& preset) {
    return o.lr * static_cast<double>(o.batch_size) / static_cast<double>(preset.batch_size);
}

}  // namespace

std::string rate_advice(const OptimizerSettings& o, const OptimizerSettings& preset) {
    if (o.scale_lr || o.batch_size == preset.batch_size || o.lr != preset.lr) return {};
    return fmt::format(
        "--batch-size {} goes with the rate of the preset's {} (--lr {}): rates usually grow and shrink with the "
        "batch; "
        "--scale-lr takes {:g}",
        o.batch_size, preset.batch_size, o.lr, scaled_rate(o, preset));
}

Schedule schedule_of(const OptimizerSettings& o, const OptimizerSettings& preset) {
    Schedule schedule;
    if (o.scale_lr) {
        check_real(fmt::format("lr {} --scale-lr takes the rate", o.lr), scaled_rate(o, preset), true, "a number");
    }
    schedule.base_lr = static_cast<float>(o.scale_lr ? scaled_rate(o, preset) : o.lr);
    schedule.kind = o.cos ? ScheduleKind::cosine : ScheduleKind::step;
    schedule.milestones = o.schedule;
    schedule.epochs = o.epochs;
    schedule.per = o.lr_per == "step" ? SchedulePer::step : SchedulePer::epoch;
    schedule.first_epoch = o.lr_first_epoch;
    schedule.warmup = o.warmup;
    return schedule;
}

SgdOptions sgd_options(const OptimizerSettings& o) {
    return {static_cast<float>(o.momentum), static_cast<float>(o.wd)};
}

}  // namespace moco
