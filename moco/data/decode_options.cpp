#include "moco/data/decode_options.h"

#include <utility>

#include "core/error.h"
#include "core/parse.h"

namespace moco {

std::vector<std::string_view> exif_names() {
    return {"ignore", "honour"};
}

Exif exif_named(std::string_view name) {
    check(name == "ignore" || name == "honour",
          "--exif {}: expected ignore (pixels as they are stored) or honour (turned as the camera noted)", name);
    return name == "honour" ? Exif::honour : Exif::ignore;
}

std::optional<DepthRange> parse_depth_range(std::string_view text) {
    if (text.empty()) return std::nullopt;
    const size_t colon = text.find(':');
    const std::optional<int64_t> low = parse_number<int64_t>(text.substr(0, colon));
    const std::optional<int64_t> high =
        colon == std::string_view::npos ? std::nullopt : parse_number<int64_t>(text.substr(colon + 1));
    check(
        low && high && *low >= 0 && *low < *high && *high <= 65535,
        "--depth-range {}: expected LO:HI, two whole numbers in 0..65535, the smaller one first (0:4095 for images of "
        "12 bits)",
        text);
    return DepthRange{*low, *high};
}

void DecodeNotes::narrow_depth(const std::string& name, int64_t low, int64_t high) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(narrow_depth_said_, true)) return;
    sentences_.push_back(fmt::format(
        "{}: of the 16-bit values 0..65535 this image has only {}..{}, which become {}..{} of 255 and look nearly "
        "black; if others are like it, --depth-range LO:HI spreads the values LO..HI over 0..255",
        name, low, high, low >> 8, high >> 8));
}

std::vector<std::string> DecodeNotes::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(sentences_, {});
}

bool is_of_colours(const DecodeOptions& options) {
    return options.channels == 0 || options.channels == 1 || options.channels == 3;
}

void check_image_size(const std::string& name, int64_t width, int64_t height, const DecodeOptions& options) {
    check(width > 0 && height > 0, "{}: an image of {} x {} has no pixels", name, width, height);
    const uint64_t pixels = static_cast<uint64_t>(width) * static_cast<uint64_t>(height);
    check(pixels <= static_cast<uint64_t>(options.max_pixels),
          "{}: the image of {} x {} has {} pixels, more than --max-pixels {}", name, width, height, pixels,
          options.max_pixels);
}

}  // namespace moco
