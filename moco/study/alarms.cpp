#include "moco/study/alarms.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "core/error.h"

namespace moco {
namespace {

constexpr size_t kWindow = 100;  // logged steps

/// The last logged steps, once there are enough of them since the queue held no random keys; else none.
std::span<const RunHistory::Step> window(const RunFacts& run, const RunHistory& history) {
    const std::vector<RunHistory::Step>& steps = history.steps;
    if (steps.size() < kWindow) return {};
    const std::span<const RunHistory::Step> last(steps.data() + steps.size() - kWindow, kWindow);
    return last.front().step * run.keys_a_step >= run.K ? last : std::span<const RunHistory::Step>();
}

std::optional<std::string> large_queue(const RunFacts& run, const RunHistory&) {
    if (run.K < run.images) return std::nullopt;
    return fmt::format(
        "the queue holds {} keys, there are only {} images: every query has other views of its own image among the "
        "negatives; take a --moco-k of at most half the images",
        run.K, run.images);
}

std::optional<std::string> at_chance(const RunFacts& run, const RunHistory& history) {
    const auto last = window(run, history);
    if (last.empty()) return std::nullopt;
    double loss = 0;
    for (const RunHistory::Step& step : last) loss += step.loss / static_cast<double>(last.size());
    const double chance = chance_loss(run);
    if (loss < chance - 0.03 * (chance - floor_loss(run))) return std::nullopt;
    return fmt::format(
        "the loss has been {:.2f} for {} steps, chance is {:.2f}: queries do not find their keys; try a larger "
        "--moco-m (now {}), a lower --lr, or a --moco-t between 0.07 and 0.2 (now {})",
        loss, last.back().step - last.front().step, chance, run.m, run.T);
}

/// How often `values` go from one side of middle +- margin to the other.
int64_t swings(std::span<const double> values, double middle, double margin) {
    int64_t count = 0;
    int side = 0;
    for (const double value : values) {
        const int now = value > middle + margin ? 1 : value < middle - margin ? -1 : side;
        count += side != 0 && now != side;
        side = now;
    }
    return count;
}

std::optional<std::string> oscillates(const RunFacts& run, const RunHistory& history) {
    constexpr double kSwing = 30, kMargin = 10;  // points
    constexpr int64_t kSwings = 6;
    const auto last = window(run, history);
    if (last.empty()) return std::nullopt;
    std::vector<double> contrast;
    for (const RunHistory::Step& step : last) contrast.push_back(step.contrast_accuracy);
    std::vector<double> sorted = contrast;
    std::sort(sorted.begin(), sorted.end());
    const double low = sorted[kWindow / 10], high = sorted[kWindow - 1 - kWindow / 10];
    if (high - low < kSwing || swings(contrast, (low + high) / 2, kMargin) < kSwings) return std::nullopt;
    return fmt::format(
        "the contrast accuracy swings between {:.0f} and {:.0f} %: the keys change faster than the queue does; try a "
        "larger --moco-m (now {}; 0.99 for short runs, 0.999 for long ones) or a lower --lr",
        low, high, run.m);
}

std::optional<std::string> leaks(const RunFacts& run, const RunHistory& history) {
    constexpr double kCertain = 99, kBetter = 0.5;
    if (history.epochs.empty()) return std::nullopt;
    const RunHistory::Epoch& now = history.epochs.back();
    if (now.contrast_accuracy < kCertain || now.knn < 0 || now.step * run.keys_a_step < run.K) return std::nullopt;
    double best = -1;
    for (const RunHistory::Epoch& epoch : history.epochs) {
        if (epoch.epoch < now.epoch) best = std::max(best, epoch.knn);
    }
    if (best < 0 || now.knn > best + kBetter) return std::nullopt;
    return fmt::format(
        "queries find their keys in {:.1f} % of all cases, but kNN is at {:.1f} % (before: {:.1f} %): they may "
        "recognise each other by batch norm's statistics; {}, or stronger augmentation",
        now.contrast_accuracy, now.knn, best,
        run.shuffled ? "try other --bn-splits" : "shuffle the keys (leave out --no-shuffle-bn)");
}

std::optional<std::string> collapsed(const RunFacts& run, const RunHistory& history) {
    constexpr double kDirections = 2;
    const size_t n = history.keys.size();
    if (n < 2 || history.keys[n - 1].effective_rank >= kDirections || history.keys[n - 2].effective_rank >= kDirections)
        return std::nullopt;
    return fmt::format(
        "the features have collapsed: the queue's keys spread over {:.1f} of {} directions; try a lower --lr, a larger "
        "--moco-m (now {}), or weights that are sound (--init)",
        history.keys.back().effective_rank, run.C, run.m);
}

}  // namespace

double chance_loss(const RunFacts& run) {
    return static_cast<double>(run.directions) * std::log1p(static_cast<double>(run.K));
}

double floor_loss(const RunFacts& run) {
    return static_cast<double>(run.directions) * std::log1p(static_cast<double>(run.K) * std::exp(-1 / run.T));
}

std::vector<Alarm> alarms_of(const RunFacts& run, const RunHistory& history) {
    struct Rule {
        const char* name;
        std::optional<std::string> (*sentence)(const RunFacts&, const RunHistory&);
    };
    constexpr Rule kRules[] = {{"large-queue", large_queue},
                               {"chance", at_chance},
                               {"oscillation", oscillates},
                               {"leak", leaks},
                               {"collapse", collapsed}};
    std::vector<Alarm> alarms;
    for (const Rule& rule : kRules) {
        if (std::optional<std::string> text = rule.sentence(run, history)) alarms.push_back({rule.name, *text});
    }
    return alarms;
}

}  // namespace moco
