// JPEG files of any kind, for tests.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
// jpeglib.h needs stdio.h before it.
#include <jpeglib.h>

#include <cmath>
#include <string>

#include "moco/data/image.h"

namespace moco::testing {

enum class JpegColours { grey, rgb, cmyk, ycck };

/// Smooth colours, so that little is lost.
inline Image smooth_image(int64_t H, int64_t W, int64_t C) {
    Image image(H, W, C);
    for (int64_t y = 0; y < H; ++y) {
        for (int64_t x = 0; x < W; ++x) {
            for (int64_t c = 0; c < C; ++c) {
                const auto phase = static_cast<double>(x) / (9.0 + static_cast<double>(c)) +
                                   static_cast<double>(y) / (14.0 - static_cast<double>(c));
                image.at(y, x)[c] = static_cast<uint8_t>(128 + 110 * std::sin(phase + static_cast<double>(c)));
            }
        }
    }
    return image;
}

/// The image's samples as a JPEG file; cmyk and ycck take 4 channels as they are to be stored.
inline std::string write_jpeg(const Image& image, JpegColours colours, int quality) {
    jpeg_compress_struct info;
    jpeg_error_mgr errors;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* bytes = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &bytes, &size);
    info.image_width = static_cast<JDIMENSION>(image.W);
    info.image_height = static_cast<JDIMENSION>(image.H);
    info.input_components = static_cast<int>(image.C);
    info.in_color_space = image.C == 1 ? JCS_GRAYSCALE : image.C == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&info);
    if (colours == JpegColours::ycck) jpeg_set_colorspace(&info, JCS_YCCK);
    jpeg_set_quality(&info, quality, TRUE);
    jpeg_start_compress(&info, TRUE);
    for (int64_t y = 0; y < image.H; ++y) {
        JSAMPROW row = const_cast<uint8_t*>(image.at(y, 0));
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    const std::string file(reinterpret_cast<const char*>(bytes), size);
    jpeg_destroy_compress(&info);
    std::free(bytes);
    return file;
}

}  // namespace moco::testing
