// Where a file ends early stb_image goes on with zeros; here it reads through callbacks that take note.
#include "moco/data/stb_decoder.h"

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "core/error.h"
#include "moco/data/gif_frame.h"
#include "moco/data/stb.h"

namespace moco {
namespace {

using Bytes = std::span<const uint8_t>;

/// A file as stb reads it.
struct Source {
    Bytes bytes;
    size_t at = 0;
    bool ended = false;  // more was asked for than there is
};

int give(void* user, char* target, int size) {
    auto& source = *static_cast<Source*>(user);
    const size_t count = std::min(static_cast<size_t>(size), source.bytes.size() - source.at);
    // stb fills its buffer of 128 bytes as far as it can, and asks for exact numbers otherwise.
    constexpr int kBuffer = 128;
    if (count == 0 || (size != kBuffer && count < static_cast<size_t>(size))) source.ended = true;
    std::memcpy(target, source.bytes.data() + source.at, count);
    source.at += count;
    return static_cast<int>(count);
}

void skip(void* user, int count) {
    auto& source = *static_cast<Source*>(user);
    const int64_t left = static_cast<int64_t>(source.bytes.size() - source.at);
    if (count > left) source.ended = true;
    source.at = static_cast<size_t>(static_cast<int64_t>(source.at) + std::clamp<int64_t>(count, 0, left));
}

int at_end(void* user) {
    const auto& source = *static_cast<const Source*>(user);
    return source.at == source.bytes.size() ? 1 : 0;
}

constexpr stbi_io_callbacks kCallbacks = {give, skip, at_end};

struct Free {
    void operator()(uint8_t* pixels) const { stbi_image_free(pixels); }
};

struct Pixels {
    std::unique_ptr<uint8_t, Free> data;
    int W = 0, H = 0;
};

/// The pixels as stb gives them, `channels` (3 or 4) bytes each. kind: "BMP".
Pixels load(Bytes bytes, const std::string& name, std::string_view kind, int channels, const DecodeOptions& options) {
    check(bytes.size() <= INT_MAX, "{}: a {} of {} bytes is more than this program reads", name, kind, bytes.size());
    take_stb_failure();
    Source header = {bytes};
    Pixels p;
    int in_file = 0;
    if (stbi_info_from_callbacks(&kCallbacks, &header, &p.W, &p.H, &in_file) == 0) {
        fail("{}: truncated or corrupt {} ({})", name, kind, take_stb_failure());
    }
    check_image_size(name, p.W, std::abs(int64_t{p.H}), options);
    Source source = {bytes};
    p.data.reset(stbi_load_from_callbacks(&kCallbacks, &source, &p.W, &p.H, &in_file, channels));
    check(p.data != nullptr || !source.ended, "{}: truncated or corrupt {} (the file ends early)", name, kind);
    if (p.data == nullptr) fail("{}: truncated or corrupt {} ({})", name, kind, take_stb_failure());
    check(!source.ended, "{}: truncated or corrupt {} (the file ends early)", name, kind);
    return p;
}

Image load_rgb(Bytes bytes, const std::string& name, std::string_view kind, const DecodeOptions& options) {
    const Pixels p = load(bytes, name, kind, 3, options);
    Image image(p.H, p.W, 3);
    std::copy_n(p.data.get(), image.pixels.size(), image.pixels.begin());
    return image;
}

int64_t little_endian(Bytes bytes, size_t at, size_t count) {
    int64_t value = 0;
    for (size_t i = count; i-- > 0;) value = value << 8 | bytes[at + i];
    return value;
}

int64_t big_endian(Bytes bytes, size_t at, size_t count) {
    int64_t value = 0;
    for (size_t i = 0; i < count; ++i) value = value << 8 | bytes[at + i];
    return value;
}

}  // namespace

Image decode_bmp(Bytes bytes, const std::string& name, const DecodeOptions& options) {
    check(bytes.size() >= 34, "{}: truncated or corrupt BMP", name);
    const bool old = little_endian(bytes, 14, 4) == 12;  // OS/2's header has 16-bit sizes
    const int64_t width = little_endian(bytes, 18, old ? 2 : 4);
    const int64_t height =
        old ? little_endian(bytes, 20, 2) : std::abs(int64_t{static_cast<int32_t>(little_endian(bytes, 22, 4))});
    check_image_size(name, width, height, options);
    const int64_t compression = old ? 0 : little_endian(bytes, 30, 4);
    check(compression != 1 && compression != 2,
          "{}: a run-length coded BMP, which this program does not read; convert it to PNG", name);
    const int64_t bits = little_endian(bytes, old ? 24 : 28, 2), row = (width * bits + 31) / 32 * 4;
    check(static_cast<int64_t>(bytes.size()) >= little_endian(bytes, 10, 4) + row * height,
          "{}: truncated or corrupt BMP", name);
    return load_rgb(bytes, name, "BMP", options);
}

Image decode_gif(Bytes bytes, const std::string& name, const DecodeOptions& options) {
    const GifFrame frame = first_gif_frame(bytes, name);
    check_image_size(name, frame.W, frame.H, options);
    check_image_size(name, frame.canvas_W, frame.canvas_H, options);
    const std::vector<uint8_t> opaque = without_transparency(bytes, frame);
    const Pixels p = load(opaque, name, "GIF", 4, options);
    Image image(p.H, p.W, 3);
    for (int64_t y = 0; y < p.H; ++y) {
        for (int64_t x = 0; x < p.W; ++x) {
            const uint8_t* pixel = p.data.get() + 4 * (y * p.W + x);
            const bool drawn = pixel[3] != 0;
            check(drawn || !frame.covers(x, y), "{}: truncated or corrupt GIF (pixels are missing)", name);
            std::copy_n(drawn ? pixel : frame.around.data(), 3, image.at(y, x));
        }
    }
    return image;
}

Image decode_psd(Bytes bytes, const std::string& name, const DecodeOptions& options) {
    check(bytes.size() >= 26, "{}: truncated or corrupt PSD", name);
    check_image_size(name, big_endian(bytes, 18, 4), big_endian(bytes, 14, 4), options);
    return load_rgb(bytes, name, "PSD", options);
}

Image decode_hdr(Bytes bytes, const std::string& name, const DecodeOptions& options) {
    return load_rgb(bytes, name, "HDR", options);
}

bool is_tga(Bytes bytes, const std::string& name) {
    constexpr std::string_view kFooter = "TRUEVISION-XFILE.";
    const bool footer =
        bytes.size() >= 44 && std::memcmp(bytes.data() + bytes.size() - 18, kFooter.data(), kFooter.size()) == 0;
    const std::string end = name.size() < 4 ? "" : name.substr(name.size() - 4);
    return footer || end == ".tga" || end == ".TGA";
}

Image decode_tga(Bytes bytes, const std::string& name, const DecodeOptions& options) {
    check(bytes.size() >= 18, "{}: truncated or corrupt TGA", name);
    check_image_size(name, little_endian(bytes, 12, 2), little_endian(bytes, 14, 2), options);
    return load_rgb(bytes, name, "TGA", options);
}

}  // namespace moco
