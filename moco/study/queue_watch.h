// What lies in the queue: how old, of which images and classes, and how its keys are spread over the sphere.
#pragma once

#include <cstdint>
#include <vector>

#include "moco/data/dataset.h"
#include "moco/study/host_state.h"
#include "moco/train/diagnostics_report.h"

namespace moco {

class QueueWatch {
  public:
    static constexpr int64_t kEvery = 100;  // steps between reports

    /// data: what the run trains on. K: keys in the queue. copies: keys of each image a step (2: symmetric).
    QueueWatch(DatasetPtr data, int64_t K, int64_t copies, Backend& backend);

    /// A step begins that takes the images `indices` (in the order in which their keys will be enqueued from row
    /// `pointer` on). Where a report is due, adds the age of the oldest key in steps, the share of random first keys,
    /// the share of keys that are other views of the step's own images, and, where labels are known, the mean share of
    /// keys of an image's own class: of the queue as the step's loss sees it.
    void before_step(const std::vector<int64_t>& indices, int64_t pointer, int64_t step, DiagnosticsReport& report);
    /// After a step after which a report is due: uniformity, spectrum and effective rank of `keys` (K x C).
    void after_step(const Tensor& keys, DiagnosticsReport& report) const;
    static bool due(int64_t step) { return step % kEvery == 0; }

    /// Of the images that the keys were made of.
    void visit(StateVisitor& visitor) { samples_.visit(visitor); }
    /// After a visitor that reads a file: takes what it wrote. What is no image of the data counts as random.
    void take();

  private:
    void report_contents(const std::vector<int64_t>& indices, DiagnosticsReport& report) const;

    DatasetPtr data_;
    int64_t copies_;
    HostState<int64_t> samples_;  // K: index of the image; -1: a random first key
};

}  // namespace moco
