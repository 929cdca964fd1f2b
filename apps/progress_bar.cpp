// What `moco pretrain` shows while it runs.
#include "apps/progress_bar.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

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

}  // namespace

std::string knn_text(const KnnReport& knn) {
    std::vector<std::string> parts;
    if (knn.pixels) parts.push_back(fmt::format("raw pixels {:.2f} %", *knn.pixels));
    if (knn.backbone) parts.push_back(fmt::format("backbone {:.2f} %", *knn.backbone));
    if (knn.projection) parts.push_back(fmt::format("projection {:.2f} %", *knn.projection));
    return fmt::format("kNN {}", fmt::join(parts, ", "));
}

ProgressBar::ProgressBar() : line_(stdout) {}

void ProgressBar::print_line(const std::string& text) {
    line_.clear();
    fmt::print("{}\n", text);
    std::fflush(stdout);
}

void ProgressBar::run_starts(const RunPlan& plan) {
    plan_ = plan;
    print_line(fmt::format("MoCo on {}: {} images, {} epochs of {} steps of {} images.", plan.data, plan.train_images,
                           plan.epochs, plan.steps_per_epoch, plan.batch_size));
    print_line(
        fmt::format("Each encoder has {:.2f} million parameters; weights, gradients, momenta and queue take "
                    "{:.1f} MiB. Run folder: {}",
                    static_cast<double>(plan.parameters) * 1e-6, static_cast<double>(plan.state_bytes) / (1 << 20),
                    plan.folder.string()));
    if (plan.first_step > 1) print_line(fmt::format("Going on with step {} of {}.", plan.first_step, plan.last_step));
}

void ProgressBar::baselines(const KnnReport& knn) {
    print_line(fmt::format("Before training: {} (untrained network)", knn_text(knn)));
}

std::string ProgressBar::bar(const StepReport& report) const {
    const std::string left = fmt::format("epoch {}/{} ", report.epoch, plan_.epochs);
    const std::string right = fmt::format("  loss {:.3f}  contrast {:.1f} %  {:.0f} images/s  {} left", loss_,
                                          accuracy_, report.images_per_s, clock_text(report.seconds_left));
    const double share =
        static_cast<double>(report.step_in_epoch) / static_cast<double>(std::max<int64_t>(1, plan_.steps_per_epoch));
    const size_t taken = left.size() + right.size() + 1;
    const size_t room = line_.width() > taken ? line_.width() - taken : 0;
    return left + (room >= 6 ? filled_bar(share, std::min<size_t>(room, 30)) : "") + right;
}

void ProgressBar::step_done(const StepReport& report) {
    const double weight = first_step_ ? 1.0 : kSmoothing;
    loss_ += weight * (report.loss - loss_);
    accuracy_ += weight * (report.contrast_accuracy - accuracy_);
    if (line_.on_terminal()) {
        if (line_.due()) line_.show(bar(report));
    } else {
        const auto now = std::chrono::steady_clock::now();
        if (first_step_ || now - last_plain_ >= kPlainInterval) {
            print_line(
                fmt::format("epoch {}/{} step {}/{}: loss {:.3f}, contrast accuracy {:.1f} %, {:.0f} images/s, "
                            "{} left",
                            report.epoch, plan_.epochs, report.step, plan_.last_step, loss_, accuracy_,
                            report.images_per_s, clock_text(report.seconds_left)));
            last_plain_ = now;
        }
    }
    first_step_ = false;
}

void ProgressBar::evaluating(const std::string& what) {
    line_.show(what);
}

void ProgressBar::epoch_done(const EpochReport& report) {
    std::string text = fmt::format("epoch {}/{} done in {}: loss {:.4f}, contrast accuracy {:.2f} %", report.epoch,
                                   plan_.epochs, clock_text(report.seconds), report.loss, report.contrast_accuracy);
    if (report.skipped_images > 0) text += fmt::format(", {} unreadable images replaced", report.skipped_images);
    if (report.knn) text += ", " + knn_text(*report.knn);
    print_line(text);
}

void ProgressBar::note(const std::string& sentence) {
    print_line(sentence);
}

}  // namespace moco::apps
