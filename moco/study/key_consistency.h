// How fast keys change: what f_k makes of a few images now, against what f_q makes of them, and against what f_k made
// of them some steps ago. The consistency that the momentum buys (paper, Sec. 3.2).
#pragma once

#include <optional>
#include <vector>

#include "moco/study/host_state.h"
#include "moco/train/diagnostics_report.h"
#include "nn/network.h"

namespace moco {

class KeyConsistency {
  public:
    static constexpr int64_t kEvery = 20;         // steps between comparisons of f_q and f_k
    static constexpr int64_t kPastEvery = 100;    // steps between comparisons with the past
    static constexpr int64_t kLongestAge = 1024;  // steps

    /// images: M x H x W x channels, which stay; oldest_key: age of the queue's oldest key in steps. Ages are 1, 2, 4,
    /// ... up to that.
    KeyConsistency(Tensor images, int64_t oldest_key, int64_t C);

    /// Whether look() has something to do after `step` (counted from 1): it reports then, or remembers the keys for a
    /// report that will come.
    bool wants(int64_t step) const;
    /// In eval mode, outside the graph; both networks are left as they are. Adds `query_key_cosine` and the series
    /// `consistency` where they are due.
    void look(int64_t step, Network& f_q, Network& f_k, DiagnosticsReport& report);

    const std::vector<int64_t>& ages() const { return ages_; }
    /// Of the past keys.
    void visit(StateVisitor& visitor);
    bool fits(const std::vector<int64_t>& past_keys_shape) const;
    void take();

  private:
    std::vector<float> features(Network& f) const;
    double cosine(const std::vector<float>& a, const float* b) const;
    void report_past(int64_t step, const std::vector<float>& keys, DiagnosticsReport& report) const;
    void keep(int64_t step, const std::vector<float>& keys);

    Tensor images_;
    int64_t count_;  // numbers in the keys of all images, M * C
    std::vector<int64_t> ages_;
    HostState<int64_t> steps_;  // by slot: when its keys were made; -1: never
    HostState<float> keys_;     // slots x M*C
};

}  // namespace moco
