// A shape is a signed distance (negative inside) from its outline in a frame where it fills about the unit disc, y
// downwards. Distances in pixels near the outline give the antialiasing.
#include "moco/data/shapes_drawing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace moco {
namespace {

struct Point {
    float x, y;
};

float length(float x, float y) {
    return std::sqrt(x * x + y * y);
}

float disc(Point p, float x, float y, float radius) {
    return length(p.x - x, p.y - y) - radius;
}

float box(Point p, float x, float y, float half_w, float half_h) {
    const float dx = std::abs(p.x - x) - half_w, dy = std::abs(p.y - y) - half_h;
    return length(std::max(dx, 0.0f), std::max(dy, 0.0f)) + std::min(std::max(dx, dy), 0.0f);
}

Point turned(Point p, float angle) {
    const float c = std::cos(angle), s = std::sin(angle);
    return {c * p.x - s * p.y, s * p.x + c * p.y};
}

/// Distance from a closed polygon.
template <size_t N>
float polygon(Point p, const std::array<Point, N>& corners) {
    float nearest = 1e9f;
    bool inside = false;
    for (size_t i = 0, j = N - 1; i < N; j = i++) {
        const Point a = corners[j], b = corners[i];
        const float ex = b.x - a.x, ey = b.y - a.y, wx = p.x - a.x, wy = p.y - a.y;
        const float along = std::clamp((wx * ex + wy * ey) / (ex * ex + ey * ey), 0.0f, 1.0f);
        nearest = std::min(nearest, length(wx - along * ex, wy - along * ey));
        if ((a.y > p.y) != (b.y > p.y) && wx < ex * wy / ey) inside = !inside;
    }
    return inside ? -nearest : nearest;
}

std::array<Point, 10> star_corners() {
    std::array<Point, 10> corners;
    for (size_t i = 0; i < corners.size(); ++i) {
        const float angle = static_cast<float>(i) * std::numbers::pi_v<float> / 5;
        const float radius = i % 2 == 0 ? 1.1f : 0.45f;
        corners[i] = {radius * std::sin(angle), -radius * std::cos(angle)};
    }
    return corners;
}

float heart(Point p) {
    // A square on its corner and a disc on each of its upper sides.
    constexpr float half = 0.56f, shift = half * std::numbers::sqrt2_v<float> / 2;
    const Point q = turned({p.x, p.y - 0.12f}, std::numbers::pi_v<float> / 4);
    const float lobes = std::min(disc(p, -shift, 0.12f - shift, half), disc(p, shift, 0.12f - shift, half));
    return std::min(box(q, 0, 0, half, half), lobes);
}

float distance_from(int64_t label, Point p) {
    static const std::array<Point, 3> triangle = {{{0, -1.05f}, {0.95f, 0.65f}, {-0.95f, 0.65f}}};
    static const std::array<Point, 3> arrow_head = {{{0, -1.05f}, {0.75f, -0.1f}, {-0.75f, -0.1f}}};
    static const std::array<Point, 10> star = star_corners();
    switch (label) {
        case 0:
            return disc(p, 0, 0, 0.88f);
        case 1:
            return std::abs(disc(p, 0, 0, 0.75f)) - 0.22f;
        case 2:
            return box(p, 0, 0, 0.76f, 0.76f);
        case 3:
            return polygon(p, triangle);
        case 4:
            return box(p, 0, 0, 1.05f, 0.3f);
        case 5:
            return std::min(box(p, 0, 0, 0.98f, 0.28f), box(p, 0, 0, 0.28f, 0.98f));
        case 6:
            return polygon(p, star);
        case 7:
            return heart(p);
        case 8:
            return std::max(disc(p, 0, 0, 0.95f), -disc(p, 0.48f, 0, 0.75f));
        default:
            return std::min(polygon(p, arrow_head), box(p, 0, 0.45f, 0.24f, 0.58f));
    }
}

using Colour = std::array<float, 3>;

Colour draw_colour(Random& random) {
    const float hue = random.uniform(0, 6), saturation = random.uniform(0.1f, 0.9f), value = random.uniform(0.2f, 1);
    Colour colour;
    for (size_t c = 0; c < 3; ++c) {
        const float k = std::fmod(hue + 5 - 2 * static_cast<float>(c) + 6, 6.0f);
        colour[c] = value * (1 - saturation * std::clamp(std::min(k, 4 - k), 0.0f, 1.0f));
    }
    return colour;
}

float difference(const Colour& a, const Colour& b) {
    float sum = 0;
    for (size_t c = 0; c < 3; ++c) sum += (a[c] - b[c]) * (a[c] - b[c]);
    return std::sqrt(sum);
}

Colour mixed(const Colour& a, const Colour& b, float share_of_b) {
    Colour m;
    for (size_t c = 0; c < 3; ++c) m[c] = a[c] + (b[c] - a[c]) * share_of_b;
    return m;
}

/// Of twelve colours the one that stands out most from both others.
Colour draw_foreground(Random& random, const Colour& a, const Colour& b) {
    Colour best = {};
    float best_difference = -1;
    for (int i = 0; i < 12; ++i) {
        const Colour colour = draw_colour(random);
        const float d = std::min(difference(colour, a), difference(colour, b));
        if (d > best_difference) {
            best = colour;
            best_difference = d;
        }
        if (best_difference > 0.55f) break;
    }
    return best;
}

enum class Pattern { gradient, stripes, checks, clouds };

/// A background of two colours: where which of them shows.
struct Background {
    Pattern pattern;
    float angle, period, phase;
    std::array<float, 25> grid;  // clouds: values at 5 x 5 points

    explicit Background(Random& random)
        : pattern(static_cast<Pattern>(random.below(4))),
          angle(random.uniform(0, 2 * std::numbers::pi_v<float>)),
          period(random.uniform(0.18f, 0.45f)),
          phase(random.uniform()) {
        for (float& value : grid) value = random.uniform();
    }

    /// Share of the second colour at (x, y) in [0, 1].
    float share(float x, float y) const {
        const Point p = turned({x - 0.5f, y - 0.5f}, angle);
        const auto wave = [&](float t) {
            return std::clamp(0.5f + 2 * std::sin(2 * std::numbers::pi_v<float> * (t / period + phase)), 0.0f, 1.0f);
        };
        switch (pattern) {
            case Pattern::gradient:
                return std::clamp(p.x / 1.2f + 0.5f, 0.0f, 1.0f);
            case Pattern::stripes:
                return wave(p.x);
            case Pattern::checks: {
                const float a = wave(p.x), b = wave(p.y);
                return a + b - 2 * a * b;
            }
            case Pattern::clouds:
                return cloud(x * 4, y * 4);
        }
        return 0;
    }

    float cloud(float x, float y) const {
        const auto column = std::min(static_cast<size_t>(x), size_t{3}),
                   row = std::min(static_cast<size_t>(y), size_t{3});
        const auto smooth = [](float t) { return t * t * (3 - 2 * t); };
        const float u = smooth(x - static_cast<float>(column)), v = smooth(y - static_cast<float>(row));
        const float* at = &grid[row * 5 + column];
        return std::lerp(std::lerp(at[0], at[1], u), std::lerp(at[5], at[6], u), v);
    }
};

}  // namespace

const std::vector<std::string>& shape_names() {
    static const std::vector<std::string> names = {"disc",  "ring", "square", "triangle", "bar",
                                                   "cross", "star", "heart",  "crescent", "arrow"};
    return names;
}

Image draw_shape(int64_t label, int64_t side, Random& random) {
    const auto extent = static_cast<float>(side);
    const Colour ground = draw_colour(random), other = mixed(ground, draw_colour(random), random.uniform(0.2f, 0.8f));
    const Background background(random);
    const Colour fore = draw_foreground(random, ground, other), shaded = mixed(fore, ground, random.uniform(0, 0.3f));
    const float radius = extent * random.uniform(0.24f, 0.42f),
                angle = random.uniform(0, 2 * std::numbers::pi_v<float>);
    const float room = extent - 2.1f * radius;
    const Point centre = {1.05f * radius + room * random.uniform(), 1.05f * radius + room * random.uniform()};
    Image image(side, side, 3);
    for (int64_t y = 0; y < side; ++y) {
        for (int64_t x = 0; x < side; ++x) {
            const float px = static_cast<float>(x) + 0.5f, py = static_cast<float>(y) + 0.5f;
            const Point p = turned({(px - centre.x) / radius, (py - centre.y) / radius}, angle);
            const float cover = std::clamp(0.5f - radius * distance_from(label, p), 0.0f, 1.0f);
            const Colour behind = mixed(ground, other, background.share(px / extent, py / extent));
            const Colour front = mixed(fore, shaded, std::clamp(0.5f + 0.5f * p.x, 0.0f, 1.0f));
            const Colour colour = mixed(behind, front, cover);
            const float grain = random.uniform(-0.02f, 0.02f);
            for (size_t c = 0; c < 3; ++c) {
                const float value = std::clamp(colour[c] + grain, 0.0f, 1.0f);
                image.at(y, x)[c] = static_cast<uint8_t>(value * 255 + 0.5f);
            }
        }
    }
    return image;
}

}  // namespace moco
