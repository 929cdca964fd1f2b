#include "core/augment_steps.h"

#include <algorithm>
#include <cmath>

namespace moco {
namespace {

class StepList {
  public:
    void add(ColourOp op, float amount, float neutral) {
        if (amount != neutral) steps_.step[steps_.count++] = {op, amount};
    }
    const ColourSteps& steps() const { return steps_; }

  private:
    ColourSteps steps_;
};

void add_jitter(StepList& list, const AugmentParams& p, int64_t C) {
    for (const JitterOp op : p.jitter_order) {
        switch (op) {
            case JitterOp::brightness:
                list.add(ColourOp::brightness, p.brightness, 1);
                break;
            case JitterOp::contrast:
                list.add(ColourOp::contrast, p.contrast, 1);
                break;
            case JitterOp::saturation:
                if (C == 3) list.add(ColourOp::saturation, p.saturation, 1);
                break;
            case JitterOp::hue:
                if (C == 3) list.add(ColourOp::hue, p.hue, 0);
                break;
        }
    }
}

}  // namespace

ColourSteps colour_steps(const AugmentParams& params, int64_t C) {
    StepList list;
    const bool gray = params.grayscale && C == 3, gray_first = params.order == AugmentOrder::v1;
    if (gray && gray_first) list.add(ColourOp::grayscale, 1, 0);
    if (params.jitter) add_jitter(list, params, C);
    if (gray && !gray_first) list.add(ColourOp::grayscale, 1, 0);
    return list.steps();
}

std::vector<float> blur_window(float sigma, int64_t size) {
    const int64_t taps = std::max<int64_t>(3, size / 20 * 2 + 1);
    const int64_t radius = std::min(taps / 2, size - 1);  // a view of a single pixel has no neighbours to mirror
    std::vector<double> values;
    double sum = 0;
    for (int64_t t = 0; t <= radius; ++t) {
        const double value = std::exp(-0.5 * static_cast<double>(t * t) / (double{sigma} * sigma));
        // What is far below the rounding of the sum is left out, which makes most windows much shorter.
        if (value < 1e-9) break;
        values.push_back(value);
        sum += t == 0 ? value : 2 * value;
    }
    std::vector<float> weight;
    for (const double value : values) weight.push_back(static_cast<float>(value / sum));
    return weight;
}

}  // namespace moco
