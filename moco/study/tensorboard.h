// Event files for TensorBoard: scalars over steps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace moco {

/// Writes one event file: records of (length, CRC of length, Event, CRC of Event), each Event a protobuf message. A
/// resumed run starts a new file beside the old ones; TensorBoard merges them. One thread.
class EventWriter {
  public:
    /// Creates folder/events.out.tfevents.SECONDS.moco.PID. Throws Error if it cannot.
    explicit EventWriter(const std::filesystem::path& folder);
    /// One point of the curve `tag` ("train/loss").
    void scalar(std::string_view tag, int64_t step, double value);
    /// Hands everything to the operating system. Throws Error naming the file when that fails.
    void flush();
    const std::filesystem::path& path() const { return path_; }

  private:
    void write_record(const std::string& event);

    std::filesystem::path path_;
    std::ofstream file_;
};

/// CRC-32C (Castagnoli) of `bytes`.
uint32_t crc32c(std::string_view bytes);
/// The form in which TensorFlow's record files store it: rotated and shifted, so that a CRC of a CRC is harmless.
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace moco
