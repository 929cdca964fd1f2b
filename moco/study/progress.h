// What a run tells whoever watches it. The program draws a bar from it, tests record it; the run does not care.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace moco {

/// What is about to happen, before the first step.
struct RunPlan {
    std::filesystem::path folder;
    std::string data;          // name of the data set
    int64_t train_images = 0;  // in one epoch
    int64_t test_images = 0;   // 0: no kNN monitor
    int64_t epochs = 0;
    int64_t steps_per_epoch = 0;
    int64_t first_step = 1;  // > 1 when a run goes on
    int64_t last_step = 0;   // the number of the run's last step
    int64_t batch_size = 0;
    int64_t parameters = 0;   // of one encoder
    int64_t state_bytes = 0;  // weights, gradients, momenta of both encoders, and the queue
};

/// One step. Sent every step; `logged` marks those that also stand in metrics.jsonl.
struct StepReport {
    int64_t epoch = 0;          // counted from 1
    int64_t step = 0;           // steps done in the whole run, counted from 1
    int64_t step_in_epoch = 0;  // counted from 1
    double loss = 0;
    double contrast_accuracy = 0;  // percent of the batch whose positive beats all K negatives
    double lr = 0;
    double images_per_s = 0;  // over the last steps
    double seconds_left = 0;  // to the end of the run, evaluations included as far as they are known
    bool logged = false;
};

/// kNN accuracies in percent; unset where they were not asked for.
struct KnnReport {
    std::optional<double> pixels;      // of the raw images, before training only
    std::optional<double> backbone;    // of the pooled features
    std::optional<double> projection;  // of the head's output, which the loss sees
    double seconds = 0;
};

struct EpochReport {
    int64_t epoch = 0;  // counted from 1
    int64_t step = 0;
    double loss = 0;               // mean over the epoch
    double contrast_accuracy = 0;  // percent, mean over the epoch
    double lr = 0;                 // of the last step
    std::optional<KnnReport> knn;
    int64_t skipped_images = 0;  // unreadable ones that were replaced in this epoch
    double images_per_s = 0;
    double waited_s = 0;  // of the training, for the loader
    double seconds = 0;   // of the training, without the evaluation
};

/// Every function may be left out; all are called from the training thread.
class ProgressObserver {
  public:
    virtual ~ProgressObserver() = default;
    virtual void run_starts(const RunPlan&) {}
    virtual void baselines(const KnnReport&) {}
    virtual void step_done(const StepReport&) {}
    /// An evaluation begins and will take a while ("kNN of the backbone: 60000 images").
    virtual void evaluating(const std::string&) {}
    virtual void epoch_done(const EpochReport&) {}
    virtual void checkpoint_saved(const std::filesystem::path&) {}
    /// A sentence worth showing: an unreadable image, a resume on another instruction set.
    virtual void note(const std::string&) {}
};

}  // namespace moco
