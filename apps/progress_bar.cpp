// What a run shows while it goes on.
#include "apps/progress_bar.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "apps/output.h"

namespace moco::apps {
namespace {

constexpr std::chrono::seconds kPlainInterval{10};
constexpr double kSmoothing = 0.05;  // weight of the newest step in the loss that is shown

/// [======>      ], `width` columns in all, filled by `share` of 1.
std::string filled_bar(double share, size_t width) {
    const size_t inside = width - 2;
    const auto filled = std::min(inside, static_cast<size_t>(share * static_cast<double>(inside)));
    const char* head = filled > 0 && filled < inside ? ">" : "";
    const size_t empty = inside - filled - (*head != 0 ? 1 : 0);
    return fmt::format("[{}{}{}]", std::string(filled, '='), head, std::string(empty, ' '));
}

/// "3.412", "56.3 %": with `digits` behind the point, one or two fewer for percentages.
std::string number(double value, ValueName::Unit unit, int digits) {
    if (unit == ValueName::Unit::percent) return fmt::format("{:.{}f} %", value, digits - 2);
    return fmt::format("{:.{}f}", value, digits);
}

}  // namespace

std::string text_of(const EvaluationReport& report) {
    std::vector<std::string> parts;
    for (const Measurement& one : report.values) {
        const bool percent = one.unit == ValueName::Unit::percent;
        parts.push_back(percent ? fmt::format("{} {:.2f} %", one.text, one.value)
                                : fmt::format("{} {:g}", one.text, one.value));
    }
    return fmt::format("{} {}", report.title, fmt::join(parts, ", "));
}

ProgressBar::ProgressBar(std::FILE* stream) : stream_(stream), line_(stream) {}

void ProgressBar::print_line(const std::string& text) {
    line_.clear();
    print_if_possible(stream_, text + "\n");
}

void ProgressBar::run_starts(const RunPlan& plan) {
    plan_ = plan;
    smoothed_.resize(plan.values.size());
    print_line(fmt::format("{} on {}: {} images, {} epochs of {} steps of {} images.", plan.title, plan.data,
                           plan.train_images, plan.epochs, plan.steps_per_epoch, plan.batch_size));
    print_line(fmt::format("{} Run folder: {}", plan.about, plan.folder.string()));
    if (plan.ending_epoch > 0) {
        print_line(fmt::format("Going on with the end of epoch {}.", plan.ending_epoch));
    } else if (plan.first_step > plan.last_step) {
        print_line(fmt::format("All {} steps are done.", plan.last_step));
    } else if (plan.first_step > 1) {
        print_line(fmt::format("Going on with step {} of {}.", plan.first_step, plan.last_step));
    }
}

void ProgressBar::baselines(const EvaluationReport& report) {
    print_line(fmt::format("Before training: {} (untrained network)", text_of(report)));
}

std::string ProgressBar::bar(const StepReport& report) const {
    const std::string left = fmt::format("epoch {}/{} ", report.epoch, plan_.epochs);
    std::string right;
    for (size_t i = 0; i < plan_.values.size(); ++i) {
        right += fmt::format("  {} {}", plan_.values[i].short_text, number(smoothed_[i], plan_.values[i].unit, 3));
    }
    right += fmt::format("  {:.0f} images/s  {} left", report.images_per_s, clock_text(report.seconds_left));
    // What diagnostics saw gives way on a narrow terminal, before the bar does.
    if (!inside_.empty() && left.size() + right.size() + inside_.size() + 9 <= line_.width())
        right = "  " + inside_ + right;
    const double share =
        static_cast<double>(report.step_in_epoch) / static_cast<double>(std::max<int64_t>(1, plan_.steps_per_epoch));
    const size_t taken = left.size() + right.size() + 1;
    const size_t room = line_.width() > taken ? line_.width() - taken : 0;
    return left + (room >= 6 ? filled_bar(share, std::min<size_t>(room, 30)) : "") + right;
}

void ProgressBar::step_done(const StepReport& report) {
    const double weight = first_step_ ? 1.0 : kSmoothing;
    for (size_t i = 0; i < smoothed_.size(); ++i) smoothed_[i] += weight * (report.values[i] - smoothed_[i]);
    if (line_.on_terminal()) {
        if (line_.due()) line_.show(bar(report));
    } else {
        const auto now = std::chrono::steady_clock::now();
        if (first_step_ || now - last_plain_ >= kPlainInterval) {
            std::string text =
                fmt::format("epoch {}/{} step {}/{}:", report.epoch, plan_.epochs, report.step, plan_.last_step);
            for (size_t i = 0; i < plan_.values.size(); ++i) {
                text += fmt::format(" {} {},", plan_.values[i].text, number(smoothed_[i], plan_.values[i].unit, 3));
            }
            if (!inside_.empty()) text += fmt::format(" {},", inside_);
            print_line(
                fmt::format("{} {:.0f} images/s, {} left", text, report.images_per_s, clock_text(report.seconds_left)));
            last_plain_ = now;
        }
    }
    first_step_ = false;
}

void ProgressBar::evaluating(const std::string& what) {
    line_.show(what);
}

void ProgressBar::epoch_done(const EpochReport& report) {
    std::string text = fmt::format("epoch {}/{} done in {}:", report.epoch, plan_.epochs, clock_text(report.seconds));
    for (size_t i = 0; i < plan_.values.size(); ++i) {
        text += fmt::format("{} {} {}", i == 0 ? "" : ",", plan_.values[i].text,
                            number(report.values[i], plan_.values[i].unit, 4));
    }
    if (report.skipped_images > 0) text += fmt::format(", {} unreadable images replaced", report.skipped_images);
    if (report.evaluation) text += ", " + text_of(*report.evaluation);
    print_line(text);
}

void ProgressBar::diagnosed(const DiagnosticsReport& report) {
    if (!report.summary.empty()) inside_ = report.summary;
}

void ProgressBar::alarmed(int64_t epoch, int64_t step, const Alarm& alarm) {
    print_line(fmt::format("Alarm at step {} (epoch {}): {}", step, epoch, alarm.text));
}

void ProgressBar::note(const std::string& sentence) {
    print_line(sentence);
}

}  // namespace moco::apps
