// Event files for TensorBoard: scalars over steps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "moco/train/observer.h"

namespace moco {

/// Writes one event file: records of (length, CRC of length, Event, CRC of Event), each Event a protobuf message. A
/// resumed run starts a new file beside the old ones; TensorBoard merges them. One thread.
class EventWriter {
  public:
    /// Creates folder/events.out.tfevents.SECONDS.moco.PID. Throws Error if it cannot.
    explicit EventWriter(const std::filesystem::path& folder);
    /// One point of the curve `tag` ("train/loss").
    void scalar(std::string_view tag, int64_t step, double value);
    /// One histogram over time.
    void histogram(int64_t step, const Histogram& histogram);
    /// From here on `step` is the first: points of earlier files from that step on, of a process that was killed after
    /// its last checkpoint, are void.
    void session_starts(int64_t step);
    /// Hands everything to the operating system. Throws Error naming the file when that fails.
    void flush();
    const std::filesystem::path& path() const { return path_; }

  private:
    void write_point(int64_t step, const std::string& point);
    void write_record(const std::string& event);

    std::filesystem::path path_;
    std::ofstream file_;
};

/// Draws a run's curves: train/* and diagnostics over steps, epoch/* and evaluations over epochs.
class TensorBoard final : public RunObserver {
  public:
    explicit TensorBoard(const std::filesystem::path& folder) : events_(folder) {}
    void run_starts(const RunPlan& plan) override;
    void step_done(const StepReport& report) override;
    void epoch_done(const EpochReport& report) override;
    void diagnosed(const DiagnosticsReport& report) override;
    void flush() override { events_.flush(); }
    /// The event file.
    const std::filesystem::path& path() const { return events_.path(); }

  private:
    void values(const std::string& group, int64_t at, const std::vector<double>& values);

    EventWriter events_;
    std::vector<ValueName> values_;
};

/// The form in which TensorFlow's record files store a CRC-32C: rotated and shifted, so that a CRC of a CRC is
/// harmless.
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace moco
