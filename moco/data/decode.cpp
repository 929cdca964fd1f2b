// Which decoder a file needs, and the checks that stb_image leaves out: where a BMP, GIF or PNM file ends early,
// it goes on with zeros.
#include "moco/data/decode.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "core/error.h"
#include "moco/data/jpeg.h"
#include "moco/data/stb.h"

namespace moco {
namespace {

constexpr int64_t kMostPixels = int64_t{1} << 28;

using Bytes = std::span<const uint8_t>;

bool starts_with(Bytes bytes, std::string_view signature, size_t at = 0) {
    return bytes.size() >= at + signature.size() &&
           std::memcmp(bytes.data() + at, signature.data(), signature.size()) == 0;
}

uint32_t little_endian(Bytes bytes, size_t at, size_t count) {
    uint32_t value = 0;
    for (size_t i = count; i-- > 0;) value = value << 8 | bytes[at + i];
    return value;
}

/// Whether a BMP's pixels are all there. Only uncompressed files say how many bytes that is; stb reads no others.
bool bmp_is_complete(Bytes bytes) {
    if (bytes.size() < 30) return false;
    const bool old = little_endian(bytes, 14, 4) == 12;  // OS/2's header has 16-bit sizes
    const int64_t width = old ? little_endian(bytes, 18, 2) : little_endian(bytes, 18, 4);
    const int64_t height =
        old ? little_endian(bytes, 20, 2) : std::abs(int64_t{static_cast<int32_t>(little_endian(bytes, 22, 4))});
    const int64_t bits = little_endian(bytes, old ? 24 : 28, 2);
    const int64_t row = (width * bits + 31) / 32 * 4;
    return static_cast<int64_t>(bytes.size()) >= int64_t{little_endian(bytes, 10, 4)} + row * height;
}

/// Position after a GIF's chain of sub-blocks that starts at `at`; 0 when the file ends within it.
size_t after_sub_blocks(Bytes bytes, size_t at) {
    while (at < bytes.size() && bytes[at] != 0) at += size_t{1} + bytes[at];
    return at < bytes.size() ? at + 1 : 0;
}

size_t colour_table_bytes(uint8_t flags) {
    return (flags & 0x80) != 0 ? size_t{3} << ((flags & 7) + 1) : 0;
}

/// Whether a GIF's first frame is all there.
bool gif_is_complete(Bytes bytes) {
    if (bytes.size() < 13) return false;
    size_t at = 13 + colour_table_bytes(bytes[10]);
    while (at + 2 < bytes.size() && bytes[at] == 0x21) {  // extensions
        at = after_sub_blocks(bytes, at + 2);
        if (at == 0) return false;
    }
    if (at + 10 >= bytes.size() || bytes[at] != 0x2C) return false;
    return after_sub_blocks(bytes, at + 10 + colour_table_bytes(bytes[at + 9]) + 1) != 0;
}

/// Whether a binary PNM's pixels are all there: "P6", width, height, maximum, one blank, data; comments in between.
bool pnm_is_complete(Bytes bytes) {
    size_t at = 2;
    std::array<int64_t, 3> numbers = {};
    for (int64_t& number : numbers) {
        while (at < bytes.size() && (std::isspace(bytes[at]) != 0 || bytes[at] == '#')) {
            if (bytes[at] == '#') {
                while (at < bytes.size() && bytes[at] != '\n') ++at;
            } else {
                ++at;
            }
        }
        for (; at < bytes.size() && std::isdigit(bytes[at]) != 0 && number < INT_MAX; ++at) {
            number = 10 * number + (bytes[at] - '0');
        }
    }
    const auto [width, height, maximum] = numbers;
    if (width < 1 || height < 1 || maximum < 1 || width > kMostPixels / height) return false;
    const int64_t pixel_bytes = (bytes[1] == '6' ? 3 : 1) * (maximum > 255 ? 2 : 1);
    return static_cast<int64_t>(bytes.size() - at) > width * height * pixel_bytes;
}

/// What the file is, if it is an image that is not read here; else "".
std::string_view foreign_format(Bytes bytes) {
    if (starts_with(bytes, "RIFF") && starts_with(bytes, "WEBP", 8)) return "WebP";
    if (starts_with(bytes, {"II*\0", 4}) || starts_with(bytes, {"MM\0*", 4})) return "TIFF";
    if (starts_with(bytes, "ftypavif", 4)) return "AVIF";
    if (starts_with(bytes, "ftyphei", 4)) return "HEIF";
    if (starts_with(bytes, {"\0\0\0\x0CjP  ", 8})) return "JPEG 2000";
    if (starts_with(bytes, "8BPS")) return "Photoshop";
    return "";
}

void check_format(Bytes bytes, const std::string& name) {
    check(!bytes.empty(), "{}: the file is empty", name);
    const bool bmp = starts_with(bytes, "BM"), gif = starts_with(bytes, "GIF8");
    const bool pnm = starts_with(bytes, "P5") || starts_with(bytes, "P6");
    const bool known = bmp || gif || pnm || starts_with(bytes, "\x89PNG");
    const std::string_view foreign = foreign_format(bytes);
    check(foreign.empty(), "{}: a {} file, which this program does not read; convert it to JPEG or PNG", name, foreign);
    check(known, "{}: not an image (JPEG, PNG, BMP, GIF and PNM are read)", name);
    check(!bmp || bmp_is_complete(bytes), "{}: truncated or corrupt BMP", name);
    check(!gif || gif_is_complete(bytes), "{}: truncated or corrupt GIF", name);
    check(!pnm || pnm_is_complete(bytes), "{}: truncated or corrupt PNM", name);
    check(bytes.size() <= INT_MAX, "{}: a file of {} bytes is more than this program reads", name, bytes.size());
}

struct Free {
    void operator()(uint8_t* pixels) const { stbi_image_free(pixels); }
};

Image decode_with_stb(Bytes bytes, const std::string& name) {
    check_format(bytes, name);
    const auto size = static_cast<int>(bytes.size());
    int width = 0, height = 0, channels = 0;
    if (stbi_info_from_memory(bytes.data(), size, &width, &height, &channels) == 1) {
        check(int64_t{width} * height <= kMostPixels, "{}: {} x {} pixels are more than this program reads", name,
              width, height);
    }
    // Three channels asked for: grey is repeated, alpha dropped, 16 bits become the high byte.
    const std::unique_ptr<uint8_t, Free> pixels(
        stbi_load_from_memory(bytes.data(), size, &width, &height, &channels, 3));
    check(pixels != nullptr, "{}: corrupt or truncated image ({})", name,
          pixels == nullptr ? stbi_failure_reason() : "");
    Image image(height, width, 3);
    std::copy_n(pixels.get(), image.pixels.size(), image.pixels.begin());
    return image;
}

}  // namespace

ScaledImage decode_scaled(std::span<const uint8_t> bytes, const std::string& name, const ScaleChooser& choose) {
    if (is_jpeg(bytes)) return decode_jpeg(bytes, name, choose);
    ScaledImage scaled = {decode_with_stb(bytes, name), 0, 0, 8};
    scaled.full_H = scaled.image.H;
    scaled.full_W = scaled.image.W;
    return scaled;
}

Image decode_image(std::span<const uint8_t> bytes, const std::string& name) {
    return decode_scaled(bytes, name, [](int64_t, int64_t) { return 8; }).image;
}

}  // namespace moco
