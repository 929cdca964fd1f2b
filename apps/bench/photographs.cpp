// JPEG files that cost a decoder what photographs cost.
#include "apps/bench/photographs.h"

#include <cstdio>
#include <cstdlib>
// jpeglib.h needs stdio.h before it.
#include <jpeglib.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "moco/data/image.h"
#include "nn/atomic_file.h"

namespace moco::apps {
namespace {

constexpr int kQuality = 90;
constexpr int64_t kCoarsest = 128;  // pixels between the knots of the smoothest noise

/// Adds noise that is linear between random knots `step` pixels apart to one channel of `values` (H x W x 3).
void add_noise(std::vector<float>& values, int64_t H, int64_t W, int64_t channel, int64_t step, Random& random) {
    const int64_t rows = H / step + 2, columns = W / step + 2;
    std::vector<float> knots(static_cast<size_t>(rows * columns));
    const float strength = 10.0f * std::pow(static_cast<float>(step), 0.45f);
    for (float& knot : knots) knot = strength * random.uniform(-1, 1);
    for (int64_t y = 0; y < H; ++y) {
        const float v = static_cast<float>(y % step) / static_cast<float>(step);
        for (int64_t x = 0; x < W; ++x) {
            const float u = static_cast<float>(x % step) / static_cast<float>(step);
            const float* knot = knots.data() + (y / step) * columns + x / step;
            const float above = knot[0] + u * (knot[1] - knot[0]);
            const float below = knot[columns] + u * (knot[columns + 1] - knot[columns]);
            values[static_cast<size_t>((y * W + x) * 3 + channel)] += above + v * (below - above);
        }
    }
}

Image draw(int64_t H, int64_t W, Random& random) {
    std::vector<float> values(static_cast<size_t>(H * W * 3), 128.0f);
    for (int64_t channel = 0; channel < 3; ++channel) {
        for (int64_t step = kCoarsest; step >= 1; step /= 2) add_noise(values, H, W, channel, step, random);
    }
    Image image(H, W, 3);
    for (size_t i = 0; i < values.size(); ++i) {
        image.pixels[i] = static_cast<uint8_t>(std::clamp(values[i], 0.0f, 255.0f));
    }
    return image;
}

/// The bytes of a JPEG file.
struct Encoded {
    unsigned char* bytes = nullptr;
    unsigned long size = 0;
    Encoded() = default;
    Encoded(const Encoded&) = delete;
    Encoded& operator=(const Encoded&) = delete;
    ~Encoded() { std::free(bytes); }
};

void encode(const Image& image, Encoded& file) {
    jpeg_compress_struct info;
    jpeg_error_mgr errors;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &file.bytes, &file.size);
    info.image_width = static_cast<JDIMENSION>(image.W);
    info.image_height = static_cast<JDIMENSION>(image.H);
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, kQuality, TRUE);
    jpeg_start_compress(&info, TRUE);
    for (int64_t y = 0; y < image.H; ++y) {
        JSAMPROW row = const_cast<uint8_t*>(image.at(y, 0));
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
}

}  // namespace

void write_photographs(const std::filesystem::path& folder, int64_t count, int64_t H, int64_t W) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    check(!error, "--write {}: the folder cannot be made: {}", folder.string(), error.message());
    for (int64_t i = 0; i < count; ++i) {
        Random random(0, Purpose::bench, 1, static_cast<uint32_t>(i));
        Encoded file;
        encode(draw(H, W, random), file);
        write_file_atomically(folder / fmt::format("{:05}.jpg", i),
                              std::string_view(reinterpret_cast<const char*>(file.bytes), file.size));
    }
}

}  // namespace moco::apps
