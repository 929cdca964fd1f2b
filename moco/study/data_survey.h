// What a data set is made of, found by looking at its images: the ground of a recipe for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "moco/data/dataset.h"

namespace moco {

struct SurveyLimits {
    int64_t images = 20'000;  // at most so many are looked at, taken evenly
    double seconds = 15;      // and no longer than about this
};

struct Range {
    int64_t least = 0, median = 0, most = 0;
};

/// The smallest and the largest class of the training part.
struct ClassBalance {
    std::string least_name, most_name;
    int64_t least = 0, most = 0;  // images
};

struct DataSurvey {
    int64_t images = 0;  // to pretrain on
    int64_t channels = 3;
    int64_t classes = 0;      // 0: unlabelled
    int64_t test_images = 0;  // with labels
    std::optional<ClassBalance> balance;

    int64_t looked_at = 0;    // images that were read for what follows
    int64_t unreadable = 0;   // of them
    std::string why;          // the first of those
    Range shorter, longer;    // sides of the others, pixels
    int64_t duplicates = 0;   // of the others: their pixels are those of another that was looked at
    std::string a_duplicate;  // "b.jpg is a.jpg again"

    double share_unreadable() const {
        return looked_at == 0 ? 0 : static_cast<double>(unreadable) / static_cast<double>(looked_at);
    }
};

/// Looks at the images to pretrain on, on all threads. Throws Error where none of them can be read.
DataSurvey survey(const Splits& data, const SurveyLimits& limits = {});

}  // namespace moco
