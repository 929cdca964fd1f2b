// Who looks inside a run while it trains. The loop calls it around its steps; what it looks at is its own affair
// (moco/study/diagnostics.h).
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "moco/data/loader.h"
#include "moco/train/diagnostics_report.h"
#include "moco/train/observer.h"
#include "nn/state.h"

namespace moco {

/// Hears as an observer what the run reports. Changes nothing that the run computes. All functions are called from the
/// training thread, of every rank at the same places.
class Diagnostics : public RunObserver {
  public:
    /// A step is about to begin. `step`: of the whole run, counted from 1. Collective.
    virtual void before_step(const Batch& batch, int64_t step) = 0;
    /// Whether after_step has something to look at; then the steps until now have been reported.
    virtual bool due() const = 0;
    /// After that step. Empty where nothing was due, and on all ranks but the first.
    virtual DiagnosticsReport after_step() = 0;
    /// Those that were not raised before in this run.
    virtual std::vector<Alarm> new_alarms() = 0;

    /// Shows what a resumed run needs to log the same lines. All names begin with "diagnostics.".
    virtual void visit(StateVisitor& visitor) = 0;
    /// A run goes on from `checkpoint`, with the first `log_lines` lines of the log in `folder`. What the checkpoint
    /// does not hold, or holds for other settings, begins anew.
    virtual void take_up(const std::filesystem::path& checkpoint, const std::filesystem::path& folder,
                         int64_t log_lines) = 0;
};

/// What tensors of diagnostics are called in checkpoints, to begin with.
inline constexpr const char* kDiagnosticsPrefix = "diagnostics.";

}  // namespace moco
