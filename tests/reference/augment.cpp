#include "tests/reference/augment.h"

#include <algorithm>
#include <cmath>

namespace moco::testing::reference {
namespace {

/// C values a pixel.
struct View {
    int64_t size, C;
    Values values;

    double& at(int64_t y, int64_t x, int64_t c) { return values[static_cast<size_t>((y * size + x) * C + c)]; }
};

/// Weights of all pixels of an axis for one output of `scale` pixels around `center`: a triangle at least as wide as
/// two pixels, over what is seen of the axis.
Values triangle(double center, double scale, double low, double high, int64_t extent) {
    Values weight(static_cast<size_t>(extent));
    double sum = 0;
    for (int64_t i = 0; i < extent; ++i) {
        const auto x = static_cast<double>(i);
        const double height = std::max(0.0, 1 - std::abs(x + 0.5 - center) / std::max(scale, 1.0));
        const double seen = std::max(0.0, std::min(x + 1, high) - std::max(x, low));
        sum += weight[static_cast<size_t>(i)] = height * seen;
    }
    for (double& w : weight) w /= sum;
    return weight;
}

/// The triangle over an axis of zeros around the image's.
Values padded_triangle(double center, double scale, int64_t extent) {
    const int64_t margin = 4 * extent;
    const Values wide = triangle(center + static_cast<double>(margin), scale, 0,
                                 static_cast<double>(2 * margin + extent), 2 * margin + extent);
    return {wide.begin() + margin, wide.begin() + margin + extent};
}

/// The two pixels beside `x`, which is mirrored at the axis' ends.
Values two_neighbours(double x, int64_t extent) {
    const auto length = static_cast<double>(extent);
    double inside = std::fmod(std::abs(x + 0.5), 2 * length);
    if (inside > length) inside = 2 * length - inside;
    inside = std::clamp(inside - 0.5, 0.0, length - 1);
    Values weight(static_cast<size_t>(extent));
    const auto left = static_cast<size_t>(inside);
    const double fraction = inside - static_cast<double>(left);
    weight[left] = 1 - fraction;
    if (fraction > 0) weight[left + 1] = fraction;
    return weight;
}

Values axis_weights(CropSampling sampling, double begin, double length, int64_t extent, int64_t size, int64_t output) {
    const double scale = length / static_cast<double>(size);
    const double center = begin + scale * (static_cast<double>(output) + 0.5);
    if (sampling == CropSampling::reflect) return two_neighbours(center - 0.5, extent);
    if (sampling == CropSampling::antialias) return triangle(center, scale, begin, begin + length, extent);
    if (sampling == CropSampling::padded) return padded_triangle(center, scale, extent);
    return triangle(center, scale, 0, static_cast<double>(extent), extent);
}

View resample(const ImageView& image, const AugmentParams& p, int64_t size) {
    View view = {size, image.C, Values(static_cast<size_t>(size * size * image.C))};
    for (int64_t oy = 0; oy < size; ++oy) {
        const Values down = axis_weights(p.sampling, p.crop_y, p.crop_h, image.H, size, oy);
        for (int64_t ox = 0; ox < size; ++ox) {
            const Values along = axis_weights(p.sampling, p.crop_x, p.crop_w, image.W, size, ox);
            const int64_t place = p.flip ? size - 1 - ox : ox;
            for (int64_t i = 0; i < image.H * image.W * image.C; ++i) {
                const int64_t y = i / (image.W * image.C), x = i / image.C % image.W;
                view.at(oy, place, i % image.C) +=
                    down[static_cast<size_t>(y)] * along[static_cast<size_t>(x)] * image.pixels[i] / 255;
            }
        }
    }
    return view;
}

double gray(const double* rgb) {
    return 0.2989 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

/// value = factor * value + (1 - factor) * other, clamped
void blend(double& value, double factor, double other) {
    value = std::clamp(factor * value + (1 - factor) * other, 0.0, 1.0);
}

double mean_of_gray(const View& view) {
    double sum = 0;
    const auto C = static_cast<size_t>(view.C);
    for (size_t i = 0; i < view.values.size(); i += C) sum += C == 1 ? view.values[i] : gray(&view.values[i]);
    return sum * static_cast<double>(C) / static_cast<double>(view.values.size());
}

void turn_hue(double* rgb, double turn) {
    const double high = std::max({rgb[0], rgb[1], rgb[2]}), low = std::min({rgb[0], rgb[1], rgb[2]});
    const double chroma = high - low;
    if (chroma == 0) return;
    double hue = high == rgb[0]   ? (rgb[1] - rgb[2]) / chroma
                 : high == rgb[1] ? (rgb[2] - rgb[0]) / chroma + 2
                                  : (rgb[0] - rgb[1]) / chroma + 4;
    hue += 6 * turn + 12;
    // HSV to RGB: each channel falls from the value by the chroma where the hue is far from its own.
    for (int c = 0; c < 3; ++c) {
        const double from_own = std::abs(std::remainder(hue - 2 * c, 6.0));
        rgb[c] = high - chroma * std::clamp(from_own - 1, 0.0, 1.0);
    }
}

void jitter(View& view, const AugmentParams& p, JitterOp op) {
    const double mean = mean_of_gray(view);
    const auto C = static_cast<size_t>(view.C);
    for (size_t i = 0; i < view.values.size(); i += C) {
        double* pixel = &view.values[i];
        const double own_gray = C == 3 ? gray(pixel) : 0;
        for (size_t c = 0; c < C; ++c) {
            if (op == JitterOp::brightness) blend(pixel[c], p.brightness, 0);
            if (op == JitterOp::contrast) blend(pixel[c], p.contrast, mean);
            if (op == JitterOp::saturation && C == 3) blend(pixel[c], p.saturation, own_gray);
        }
        if (op == JitterOp::hue && C == 3) turn_hue(pixel, p.hue);
    }
}

void to_gray(View& view) {
    for (size_t i = 0; view.C == 3 && i < view.values.size(); i += 3) {
        std::fill_n(&view.values[i], 3, gray(&view.values[i]));
    }
}

int64_t mirrored(int64_t i, int64_t size) {
    return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
}

View blur(View view, double sigma) {
    const int64_t taps = std::max<int64_t>(3, view.size / 20 * 2 + 1), radius = std::min(taps / 2, view.size - 1);
    View result = {view.size, view.C, Values(view.values.size())};
    double sum = 0;
    for (int64_t dy = -radius; dy <= radius; ++dy) {
        for (int64_t dx = -radius; dx <= radius; ++dx) {
            const double weight = std::exp(-0.5 * static_cast<double>(dy * dy + dx * dx) / (sigma * sigma));
            sum += weight;
            for (size_t i = 0; i < view.values.size(); ++i) {
                const auto at = static_cast<int64_t>(i);
                const int64_t y = at / (view.size * view.C), x = at / view.C % view.size;
                result.values[i] +=
                    weight * view.at(mirrored(y + dy, view.size), mirrored(x + dx, view.size), at % view.C);
            }
        }
    }
    for (double& value : result.values) value /= sum;
    return result;
}

}  // namespace

Values augment(const ImageView& image, const AugmentParams& p, int64_t size) {
    View view = resample(image, p, size);
    if (p.grayscale && p.order == AugmentOrder::v1) to_gray(view);
    for (const JitterOp op : p.jitter_order) {
        if (p.jitter) jitter(view, p, op);
    }
    if (p.grayscale && p.order != AugmentOrder::v1) to_gray(view);
    if (p.blur_sigma > 0) view = blur(view, p.blur_sigma);
    for (size_t i = 0; i < view.values.size(); ++i) {
        const size_t c = i % static_cast<size_t>(image.C);
        view.values[i] = (view.values[i] - p.mean[c]) / p.std[c];
    }
    return view.values;
}

}  // namespace moco::testing::reference
