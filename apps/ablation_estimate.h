// What an ablation will take: hours, by timing a few steps, and disk.
#pragma once

#include <string>
#include <vector>

#include "apps/ablation_jobs.h"
#include "core/backend.h"
#include "moco/data/dataset.h"

namespace moco::apps {

/// The data sets of an ablation, each opened once.
class OpenedData {
  public:
    /// Throws Error as open_dataset. The reference stays valid as long as this object lives.
    const Splits& of(const DataSettings& data);

  private:
    std::vector<std::pair<DataSettings, std::unique_ptr<Splits>>> opened_;
};

struct AblationEstimate {
    double hours = 0;
    double bytes = 0;  // of disk
};

/// Of what is left to do of `jobs`, `options.at_a_time` at once. Times a few steps of each kind of network and batch on
/// `backend`, for about a second each.
AblationEstimate estimate(const std::vector<AblationJob>& jobs, const JobOptions& options, OpenedData& data,
                          Backend& backend);

}  // namespace moco::apps
