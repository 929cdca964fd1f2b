// libpng reports errors by a call that must not return. As with libjpeg it jumps back (setjmp) into small functions
// that own nothing; exceptions are thrown from their callers.
#include "moco/data/png_decoder.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "moco/data/deep_values.h"

namespace moco {
namespace {

struct Session {
    std::span<const uint8_t> bytes;
    size_t at = 0;
    png_structp png = nullptr;
    png_infop info = nullptr;
    std::jmp_buf on_error;
    std::array<char, 200> message = {};

    explicit Session(std::span<const uint8_t> file) : bytes(file) {}
    Session(const Session&) = delete;
    ~Session() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void jump_out(png_structp png, png_const_charp message) {
    auto* session = static_cast<Session*>(png_get_error_ptr(png));
    std::snprintf(session->message.data(), session->message.size(), "%s", message);
    std::longjmp(session->on_error, 1);
}

void pass_over(png_structp /*png*/, png_const_charp /*warning*/) {}

void give_bytes(png_structp png, png_bytep target, size_t count) {
    auto* session = static_cast<Session*>(png_get_io_ptr(png));
    if (count > session->bytes.size() - session->at) png_error(png, "the file ends early");
    std::memcpy(target, session->bytes.data() + session->at, count);
    session->at += count;
}

bool read_header(Session& s) {
    if (setjmp(s.on_error) != 0) return false;
    png_set_read_fn(s.png, &s, give_bytes);
    png_set_user_limits(s.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_read_info(s.png, s.info);
    return true;
}

/// Asks for rows of RGB bytes, or of values of 16 bits where the file has those; returns how many passes interlacing
/// takes, 0 on an error.
int ask_for_rgb(Session& s) {
    if (setjmp(s.on_error) != 0) return 0;
    png_set_expand(s.png);  // palettes and 1, 2, 4 bits
    png_set_strip_alpha(s.png);
    png_set_gray_to_rgb(s.png);
    const int passes = png_set_interlace_handling(s.png);
    png_read_update_info(s.png, s.info);
    // What libpng would pass over with a warning: a wrong checksum at the end of the pixels, bytes after it.
    png_set_benign_errors(s.png, 0);
    return passes;
}

bool read_row(Session& s, uint8_t* row) {
    if (setjmp(s.on_error) != 0) return false;
    png_read_row(s.png, row, nullptr);
    return true;
}

/// What the pixels come to before compression, at least; deflate makes no more than 1032 bytes of one.
bool may_hold(std::span<const uint8_t> bytes, int64_t width, int64_t height, int64_t bits) {
    return height * ((width * bits + 7) / 8) / 1032 <= static_cast<int64_t>(bytes.size());
}

int64_t big_endian(std::span<const uint8_t> bytes, size_t at) {
    int64_t value = 0;
    for (size_t i = at; i < at + 4; ++i) value = value << 8 | bytes[i];
    return value;
}

/// Fills `image` from values of two bytes, the high one first.
void narrow(const std::vector<uint8_t>& wide, const std::string& name, const DecodeOptions& options, Image& image) {
    DeepValues values(options);
    for (size_t i = 0; i < image.pixels.size(); ++i)
        image.pixels[i] = values.byte_of(wide[2 * i] << 8 | wide[2 * i + 1]);
    values.finish(name);
}

}  // namespace

Image decode_png(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options) {
    // libpng calls sizes that it dislikes invalid: judged here, in our words, they are named.
    constexpr size_t kWidthAt = 16, kHeightAt = 20;
    if (bytes.size() >= kHeightAt + 4 && std::memcmp(bytes.data() + 12, "IHDR", 4) == 0) {
        check_image_size(name, big_endian(bytes, kWidthAt), big_endian(bytes, kHeightAt), options);
    }
    Session s(bytes);
    s.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, jump_out, pass_over);
    if (s.png != nullptr) s.info = png_create_info_struct(s.png);
    check(s.info != nullptr, "{}: not enough memory to decode a PNG", name);
    check(read_header(s), "{}: corrupt or truncated PNG ({})", name, s.message.data());
    const int64_t W = png_get_image_width(s.png, s.info), H = png_get_image_height(s.png, s.info);
    check_image_size(name, W, H, options);
    check(may_hold(bytes, W, H, int64_t{png_get_bit_depth(s.png, s.info)} * png_get_channels(s.png, s.info)),
          "{}: corrupt or truncated PNG (its {} bytes cannot hold {} x {} pixels)", name, bytes.size(), W, H);
    const bool deep = png_get_bit_depth(s.png, s.info) == 16;
    const int64_t row_bytes = W * (deep ? 6 : 3);
    const int passes = ask_for_rgb(s);
    check(passes > 0 && png_get_rowbytes(s.png, s.info) == static_cast<size_t>(row_bytes),
          "{}: corrupt or truncated PNG ({})", name, s.message.data());
    Image image(H, W, 3);
    std::vector<uint8_t> wide(deep ? static_cast<size_t>(H * row_bytes) : 0);
    uint8_t* const rows = deep ? wide.data() : image.at(0, 0);
    for (int pass = 0; pass < passes; ++pass) {
        for (int64_t y = 0; y < H; ++y) {
            check(read_row(s, rows + y * row_bytes), "{}: corrupt or truncated PNG ({})", name, s.message.data());
        }
    }
    if (deep) narrow(wide, name, options, image);
    return image;
}

}  // namespace moco
