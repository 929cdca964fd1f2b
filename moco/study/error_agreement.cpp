#include "moco/study/error_agreement.h"

#include <limits>

#include "core/error.h"

namespace moco {
namespace {

void count(int64_t label, int64_t a, int64_t b, Agreement& counts) {
    const bool a_right = a == label, b_right = b == label;
    counts.both_right += a_right && b_right;
    counts.only_a += a_right && !b_right;
    counts.only_b += !a_right && b_right;
    counts.both_wrong += !a_right && !b_right;
    counts.same_mistake += !a_right && a == b;
}

}  // namespace

double Agreement::kappa() const {
    const auto n = static_cast<double>(images());
    const double a = static_cast<double>(both_right + only_a) / n, b = static_cast<double>(both_right + only_b) / n;
    const double observed = static_cast<double>(both_right + both_wrong) / n, chance = a * b + (1 - a) * (1 - b);
    if (!(chance < 1)) return std::numeric_limits<double>::quiet_NaN();
    return (observed - chance) / (1 - chance);
}

ErrorAgreement error_agreement(const std::vector<int64_t>& labels, const std::vector<int64_t>& a,
                               const std::vector<int64_t>& b, int64_t classes) {
    check(a.size() == labels.size() && b.size() == labels.size(),
          "error_agreement: {} labels, {} and {} predictions, expected as many of each", labels.size(), a.size(),
          b.size());
    ErrorAgreement result;
    result.of_class.resize(static_cast<size_t>(classes));
    for (size_t i = 0; i < labels.size(); ++i) {
        if (labels[i] < 0) continue;
        count(labels[i], a[i], b[i], result.all);
        count(labels[i], a[i], b[i], result.of_class[static_cast<size_t>(labels[i])]);
    }
    return result;
}

}  // namespace moco
