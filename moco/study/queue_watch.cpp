#include "moco/study/queue_watch.h"

#include <algorithm>
#include <unordered_set>

#include "core/error.h"
#include "moco/study/spectrum.h"

namespace moco {
namespace {

// Enough for two digits, at a cost that no step notices.
constexpr int64_t kRowsOfSpectrum = 4096, kRowsOfUniformity = 512;

void add(DiagnosticsReport& report, const char* name, const char* text, double value) {
    report.values.push_back({name, std::string("queue/") + name, text, value, ValueName::Unit::plain});
}

}  // namespace

QueueWatch::QueueWatch(DatasetPtr data, int64_t K, int64_t copies, Backend& backend)
    : data_(std::move(data)), copies_(copies), samples_("diagnostics.queue_samples", {K}, -1, backend) {}

void QueueWatch::take() {
    samples_.take();
    for (int64_t& index : samples_.values) {
        if (index >= data_->count()) index = -1;
    }
}

void QueueWatch::before_step(const std::vector<int64_t>& indices, int64_t pointer, int64_t step,
                             DiagnosticsReport& report) {
    if (due(step)) report_contents(indices, report);
    for (int64_t copy = 0; copy < copies_; ++copy) {
        for (const int64_t index : indices) {
            samples_.values[static_cast<size_t>(pointer)] = index;
            pointer = (pointer + 1) % static_cast<int64_t>(samples_.values.size());
        }
    }
}

void QueueWatch::report_contents(const std::vector<int64_t>& indices, DiagnosticsReport& report) const {
    const std::unordered_set<int64_t> own(indices.begin(), indices.end());
    std::vector<int64_t> of_class(static_cast<size_t>(data_->info().classes));
    int64_t known = 0, labelled = 0, same_image = 0;
    for (const int64_t index : samples_.values) {
        if (index < 0) continue;
        ++known;
        same_image += own.contains(index);
        const int64_t label = data_->label(index);
        if (label >= 0) ++labelled, ++of_class[static_cast<size_t>(label)];
    }
    const auto K = static_cast<double>(samples_.values.size());
    const auto keys_a_step = copies_ * static_cast<int64_t>(indices.size());
    add(report, "queue_age", "oldest key", static_cast<double>((known + keys_a_step - 1) / keys_a_step));
    add(report, "queue_random", "random keys", 1 - static_cast<double>(known) / K);
    add(report, "queue_same_image", "own images", static_cast<double>(same_image) / K);
    double share = 0;
    int64_t asked = 0;
    for (const int64_t index : indices) {
        const int64_t label = data_->label(index);
        if (label < 0) continue;
        ++asked;
        share += static_cast<double>(of_class[static_cast<size_t>(label)]);
    }
    if (asked == 0 || labelled == 0) return;
    add(report, "queue_same_class", "own class", share / static_cast<double>(asked) / static_cast<double>(labelled));
}

void QueueWatch::after_step(const Tensor& keys, DiagnosticsReport& report) const {
    if (keys.dim(0) < 2) return;
    add(report, "uniformity", "uniformity", uniformity(evenly_spaced_rows(keys, kRowsOfUniformity)));
    const Spectrum spectrum = spectrum_of(evenly_spaced_rows(keys, kRowsOfSpectrum));
    add(report, "effective_rank", "effective rank", spectrum.effective_rank);
    Series series = {"spectrum", "number", "", {}, spectrum.shares};
    for (size_t i = 0; i < spectrum.shares.size(); ++i) series.at.push_back(static_cast<double>(i + 1));
    report.series.push_back(std::move(series));
}

}  // namespace moco
