// How fast a run goes, and how long it will take.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

namespace moco {

/// Seconds since it was made.
class Stopwatch {
  public:
    double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point start_ = Clock::now();
};

/// The mean duration of the last steps.
class Throughput {
  public:
    void add(double seconds) {
        recent_.push_back(seconds);
        sum_ += seconds;
        if (recent_.size() <= kSteps) return;
        sum_ -= recent_.front();
        recent_.pop_front();
    }
    /// 0 before the first step.
    double seconds_per_step() const { return recent_.empty() ? 0 : sum_ / static_cast<double>(recent_.size()); }

  private:
    static constexpr size_t kSteps = 50;
    std::deque<double> recent_;
    double sum_ = 0;
};

}  // namespace moco
