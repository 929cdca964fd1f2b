#include "moco/study/data_survey.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"
#include "moco/data/fingerprint.h"

namespace moco {
namespace {

constexpr int64_t kAtOnce = 64;  // images between two looks at the clock

/// What one image showed.
struct Look {
    int64_t index = 0, H = 0, W = 0;
    uint64_t digest = 0;
    std::string error;  // why it cannot be read; else empty
};

double seconds_since(std::chrono::steady_clock::time_point began) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

uint64_t digest_of(const Image& image) {
    const std::string size = fmt::format("{} x {} x {}:", image.H, image.W, image.C);
    const std::string_view pixels(reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size());
    return fingerprint(pixels, fingerprint(size, kNoBytes));
}

Look look_at(const Dataset& data, int64_t index) {
    Look look;
    look.index = index;
    try {
        const Image image = data.load(index);
        look.H = image.H;
        look.W = image.W;
        look.digest = digest_of(image);
    } catch (const Error& error) {
        look.error = error.what();
    }
    return look;
}

/// A step through `count` images that visits each once and whose beginnings are spread evenly: near the golden section.
int64_t even_stride(int64_t count) {
    auto stride = std::max<int64_t>(1, static_cast<int64_t>(0.618034 * static_cast<double>(count)));
    while (std::gcd(stride, count) != 1) ++stride;
    return stride;
}

std::vector<Look> look_around(const Dataset& data, const SurveyLimits& limits) {
    const auto began = std::chrono::steady_clock::now();
    const int64_t count = data.count(), most = std::min(limits.images, count), stride = even_stride(count);
    std::vector<Look> looks;
    while (static_cast<int64_t>(looks.size()) < most && (looks.empty() || seconds_since(began) < limits.seconds)) {
        const auto first = static_cast<int64_t>(looks.size());
        looks.resize(static_cast<size_t>(std::min(first + kAtOnce, most)));
        parallel_for(static_cast<int64_t>(looks.size()) - first, 1, [&](int64_t begin, int64_t end) {
            for (int64_t i = first + begin; i < first + end; ++i) {
                looks[static_cast<size_t>(i)] = look_at(data, i * stride % count);
            }
        });
    }
    return looks;
}

Range range_of(std::vector<int64_t> values) {
    std::sort(values.begin(), values.end());
    return {values.front(), values[values.size() / 2], values.back()};
}

void find_duplicates(std::vector<Look> looks, const Dataset& data, DataSurvey& survey) {
    std::sort(looks.begin(), looks.end(),
              [](const Look& a, const Look& b) { return std::pair(a.digest, a.index) < std::pair(b.digest, b.index); });
    for (size_t i = 1; i < looks.size(); ++i) {
        if (looks[i].digest != looks[i - 1].digest) continue;
        if (++survey.duplicates == 1) {
            survey.a_duplicate =
                fmt::format("{} is {} again", data.path(looks[i].index), data.path(looks[i - 1].index));
        }
    }
}

ClassBalance balance_of(const Dataset& data) {
    const DatasetInfo& info = data.info();
    std::vector<int64_t> images(static_cast<size_t>(info.classes));
    for (int64_t i = 0; i < data.count(); ++i) {
        if (const int64_t label = data.label(i); label >= 0) ++images[static_cast<size_t>(label)];
    }
    const auto [least, most] = std::minmax_element(images.begin(), images.end());
    const auto name_of = [&](auto at) {
        const auto c = static_cast<size_t>(at - images.begin());
        return c < info.class_names.size() ? info.class_names[c] : fmt::format("{}", c);
    };
    return {name_of(least), name_of(most), *least, *most};
}

}  // namespace

DataSurvey survey(const Splits& data, const SurveyLimits& limits) {
    const Dataset& images = *pretraining_part(data);
    DataSurvey result;
    result.images = images.count();
    result.channels = images.info().channels;
    result.classes = data.train->info().classes;
    if (result.classes > 0) result.balance = balance_of(*data.train);
    if (is_labelled(data)) result.test_images = data.test->count();

    std::vector<Look> looks = look_around(images, limits);
    result.looked_at = static_cast<int64_t>(looks.size());
    const auto unreadable =
        std::stable_partition(looks.begin(), looks.end(), [](const Look& look) { return look.error.empty(); });
    result.unreadable = looks.end() - unreadable;
    if (unreadable != looks.end()) result.why = unreadable->error;
    check(unreadable != looks.begin(), "none of the {} images that were looked at can be read: {}", looks.size(),
          result.why);
    looks.erase(unreadable, looks.end());

    std::vector<int64_t> shorter, longer;
    for (const Look& look : looks) {
        shorter.push_back(std::min(look.H, look.W));
        longer.push_back(std::max(look.H, look.W));
    }
    result.shorter = range_of(std::move(shorter));
    result.longer = range_of(std::move(longer));
    find_duplicates(std::move(looks), images, result);
    return result;
}

}  // namespace moco
