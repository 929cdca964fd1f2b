#include "moco/study/key_consistency.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/autograd.h"
#include "core/error.h"
#include "nn/eval_mode.h"
#include "ops/l2_normalize.h"

namespace moco {
namespace {

std::vector<int64_t> ages_up_to(int64_t oldest) {
    std::vector<int64_t> ages;
    for (int64_t age = 1; age <= std::min(oldest, KeyConsistency::kLongestAge); age *= 2) ages.push_back(age);
    if (ages.empty()) ages.push_back(1);
    return ages;
}

/// Whether keys of `step` will be compared with later ones, or are compared with earlier ones.
bool is_kept(int64_t step, const std::vector<int64_t>& ages) {
    return std::any_of(ages.begin(), ages.end(),
                       [&](int64_t age) { return (step + age) % KeyConsistency::kPastEvery == 0; });
}

/// How many of `ages.back()` steps in a row are kept, at most.
int64_t slots_for(const std::vector<int64_t>& ages) {
    int64_t most = 0;
    for (int64_t first = 0; first < KeyConsistency::kPastEvery; ++first) {
        int64_t kept = 0;
        for (int64_t step = first; step < first + ages.back(); ++step) kept += is_kept(step, ages);
        most = std::max(most, kept);
    }
    return most;
}

}  // namespace

KeyConsistency::KeyConsistency(Tensor images, int64_t oldest_key, int64_t C)
    : images_(std::move(images)),
      count_(images_.dim(0) * C),
      ages_(ages_up_to(oldest_key)),
      steps_("diagnostics.past_steps", {slots_for(ages_)}, -1, images_.backend()),
      keys_("diagnostics.past_keys", {slots_for(ages_), count_}, 0, images_.backend()) {}

bool KeyConsistency::wants(int64_t step) const {
    return step % kEvery == 0 || is_kept(step, ages_);
}

std::vector<float> KeyConsistency::features(Network& f) const {
    const InEvalMode eval_mode(f);
    const NoGrad no_gradient;
    return l2_normalize(f.forward(images_)).to_vector();
}

/// The mean over the images.
double KeyConsistency::cosine(const std::vector<float>& a, const float* b) const {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
    return sum / static_cast<double>(images_.dim(0));
}

void KeyConsistency::keep(int64_t step, const std::vector<float>& keys) {
    const auto oldest = std::min_element(steps_.values.begin(), steps_.values.end());
    *oldest = step;
    std::copy(keys.begin(), keys.end(), keys_.values.begin() + (oldest - steps_.values.begin()) * count_);
}

void KeyConsistency::look(int64_t step, Network& f_q, Network& f_k, DiagnosticsReport& report) {
    const std::vector<float> keys = features(f_k);
    if (step % kEvery == 0) {
        const double both = cosine(keys, features(f_q).data());
        report.values.push_back({"query_key_cosine", "keys/query_key_cosine", "q~k", both, ValueName::Unit::plain});
    }
    if (step % kPastEvery == 0) report_past(step, keys, report);
    if (is_kept(step, ages_)) keep(step, keys);
}

void KeyConsistency::report_past(int64_t step, const std::vector<float>& keys, DiagnosticsReport& report) const {
    Series consistency = {"consistency", "age", "keys/consistency", {}, {}};
    for (const int64_t age : ages_) {
        const auto then = std::find(steps_.values.begin(), steps_.values.end(), step - age);
        if (then == steps_.values.end()) continue;  // the run is younger than that, or went on from another one
        consistency.at.push_back(static_cast<double>(age));
        consistency.values.push_back(cosine(keys, keys_.values.data() + (then - steps_.values.begin()) * count_));
    }
    if (!consistency.at.empty()) report.series.push_back(std::move(consistency));
}

void KeyConsistency::visit(StateVisitor& visitor) {
    steps_.visit(visitor);
    keys_.visit(visitor);
}

bool KeyConsistency::fits(const std::vector<int64_t>& past_keys_shape) const {
    return past_keys_shape == std::vector<int64_t>{keys_.shape()[0], keys_.shape()[1]};
}

void KeyConsistency::take() {
    steps_.take();
    keys_.take();
}

}  // namespace moco
