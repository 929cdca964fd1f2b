// libjpeg reports errors by a call that must not return. It jumps back (setjmp) into one of the small functions below,
// which own nothing; exceptions are thrown from their callers, outside of libjpeg's frames.
#include "moco/data/jpeg.h"

#include <csetjmp>
#include <cstdio>
// jpeglib.h needs stdio.h before it.
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <vector>

#include "core/error.h"

namespace moco {
namespace {

struct Session {
    jpeg_decompress_struct info = {};
    jpeg_error_mgr errors = {};
    std::jmp_buf on_error;
    char message[JMSG_LENGTH_MAX] = "";

    Session();
    Session(const Session&) = delete;
    ~Session() { jpeg_destroy_decompress(&info); }
};

[[noreturn]] void jump_out(j_common_ptr info) {
    auto* session = static_cast<Session*>(info->client_data);
    info->err->format_message(info, session->message);
    std::longjmp(session->on_error, 1);
}

/// Warnings after which pixels are made up are errors here: rather no image than half a grey one.
void judge_warning(j_common_ptr info, int level) {
    if (level >= 0) return;
    switch (info->err->msg_code) {
        case JWRN_JPEG_EOF:
        case JWRN_HIT_MARKER:
        case JWRN_HUFF_BAD_CODE:
        case JWRN_MUST_RESYNC:
            jump_out(info);
        default:
            break;
    }
}

Session::Session() {
    info.err = jpeg_std_error(&errors);
    info.client_data = this;
    errors.error_exit = jump_out;
    errors.emit_message = judge_warning;
}

bool read_header(Session& s, const uint8_t* bytes, size_t count) {
    if (setjmp(s.on_error) != 0) return false;
    jpeg_create_decompress(&s.info);
    jpeg_mem_src(&s.info, bytes, static_cast<unsigned long>(count));
    jpeg_read_header(&s.info, TRUE);
    return true;
}

bool start(Session& s, int eighths) {
    if (setjmp(s.on_error) != 0) return false;
    s.info.scale_num = static_cast<unsigned>(eighths);
    s.info.scale_denom = 8;
    const bool four_inks = s.info.jpeg_color_space == JCS_CMYK || s.info.jpeg_color_space == JCS_YCCK;
    s.info.out_color_space = four_inks ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&s.info);
    return true;
}

/// Decodes the next rows to `target`, as many as libjpeg likes to give; 0 on an error.
unsigned read_rows(Session& s, uint8_t* target, int64_t row_bytes) {
    if (setjmp(s.on_error) != 0) return 0;
    constexpr int kMostRows = 8;
    JSAMPROW rows[kMostRows];
    const auto left = static_cast<int>(s.info.output_height - s.info.output_scanline);
    const int count = std::min({kMostRows, left, s.info.rec_outbuf_height});
    for (int i = 0; i < count; ++i) rows[i] = target + i * row_bytes;
    return jpeg_read_scanlines(&s.info, rows, static_cast<unsigned>(count));
}

bool finish(Session& s) {
    if (setjmp(s.on_error) != 0) return false;
    jpeg_finish_decompress(&s.info);
    return true;
}

/// a * b / 255, rounded, as Pillow computes it.
int product(int a, int b) {
    const int t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

/// Pillow's conversion of CMYK, which Adobe stores inverted in JPEG files: 255 is no ink.
void cmyk_to_rgb(const uint8_t* inks, int64_t count, uint8_t* rgb) {
    for (int64_t i = 0; i < count; ++i) {
        const int white = inks[4 * i + 3];
        for (int64_t c = 0; c < 3; ++c) {
            rgb[3 * i + c] = static_cast<uint8_t>(white - product(255 - inks[4 * i + c], white));
        }
    }
}

void read_pixels(Session& s, const std::string& name, Image& image) {
    const bool four_inks = s.info.out_color_space == JCS_CMYK;
    const int64_t row_bytes = image.W * (four_inks ? 4 : 3);
    std::vector<uint8_t> inks(four_inks ? static_cast<size_t>(8 * row_bytes) : 0);
    for (int64_t y = 0; y < image.H;) {
        const unsigned rows = read_rows(s, four_inks ? inks.data() : image.at(y, 0), row_bytes);
        check(rows > 0, "{}: corrupt or truncated JPEG ({})", name, s.message);
        if (four_inks) cmyk_to_rgb(inks.data(), rows * image.W, image.at(y, 0));
        y += rows;
    }
}

}  // namespace

bool is_jpeg(std::span<const uint8_t> bytes) {
    return bytes.size() >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

ScaledImage decode_jpeg(std::span<const uint8_t> bytes, const std::string& name, const ScaleChooser& choose,
                        const DecodeOptions& options) {
    Session s;
    check(read_header(s, bytes.data(), bytes.size()), "{}: corrupt or truncated JPEG ({})", name, s.message);
    ScaledImage scaled;
    scaled.full_H = s.info.image_height;
    scaled.full_W = s.info.image_width;
    check_image_size(name, scaled.full_W, scaled.full_H, options);
    scaled.eighths = std::clamp(choose(scaled.full_H, scaled.full_W), 1, 8);
    check(start(s, scaled.eighths), "{}: corrupt or truncated JPEG ({})", name, s.message);
    scaled.image = Image(s.info.output_height, s.info.output_width, 3);
    read_pixels(s, name, scaled.image);
    check(finish(s), "{}: corrupt or truncated JPEG ({})", name, s.message);
    return scaled;
}

}  // namespace moco
