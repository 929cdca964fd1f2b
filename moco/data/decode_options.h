// What decoders may be asked to read, how a claimed size is judged before memory is taken for it, and what they say
// about what they found.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moco {

/// Where Pillow refuses images as well: larger ones are more often mistakes and attacks than photographs.
inline constexpr int64_t kDefaultMaxPixels = 179'000'000;
/// More than this --max-pixels cannot be: decoders count bytes in 32 bits.
inline constexpr int64_t kMostMaxPixels = 500'000'000;

/// More --channels than this cannot be.
inline constexpr int64_t kMostChannels = 32;

/// What becomes of the orientation that a camera noted in EXIF.
enum class Exif { ignore, honour };

/// What --exif may be.
std::vector<std::string_view> exif_names();
/// Throws Error naming the flag for any other name.
Exif exif_named(std::string_view name);

/// The values of 16-bit images that become 0 and 255: those between lie on a line, those beyond are clamped.
/// 0 <= low < high <= 65535.
struct DepthRange {
    int64_t low = 0, high = 65535;

    bool operator==(const DepthRange&) const = default;
};

/// What --depth-range says: "LO:HI", or "" for none. Throws Error naming the flag for anything else.
std::optional<DepthRange> parse_depth_range(std::string_view text);

/// What decoders found that is worth a sentence, each kind once. Thread-safe.
class DecodeNotes {
  public:
    /// The values of the 16-bit image `name` are low..high, and few of them differ in their high bytes.
    void narrow_depth(const std::string& name, int64_t low, int64_t high);
    /// The sentences since the last call.
    std::vector<std::string> take();

  private:
    std::mutex mutex_;  // guards what follows
    std::vector<std::string> sentences_;
    bool narrow_depth_said_ = false;
};

struct DecodeOptions {
    int64_t max_pixels = kDefaultMaxPixels;      // --max-pixels: images of more are refused
    std::optional<DepthRange> depth_range = {};  // --depth-range; none: the high byte of 16-bit values is kept
    Exif exif = Exif::ignore;                    // --exif
    int64_t channels = 0;                        // --channels: of the images that are made of files; 0: RGB
    std::shared_ptr<DecodeNotes> notes = {};     // who is told; null: nobody
};

/// Whether images are to be grey or RGB, not channels of which nothing is known.
bool is_of_colours(const DecodeOptions& options);

/// Throws Error beginning with `name` unless an image of that size, as a file claims it, may be decoded: it has pixels,
/// and no more than options.max_pixels of them. Sides are below 2^32.
void check_image_size(const std::string& name, int64_t width, int64_t height, const DecodeOptions& options);

}  // namespace moco
