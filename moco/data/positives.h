// Which image makes a positive pair with another: itself, or one that shows the same thing.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "moco/data/dataset.h"

namespace moco {

/// instance: two views of one image. folder: of two images of one folder, views of one object. frames: of two frames of
/// one video, whose folder holds them in the order of their names.
enum class PositiveKind { instance, folder, frames };

struct PositiveOptions {
    PositiveKind kind = PositiveKind::instance;
    int64_t frames_apart = 1;  // frames: the two are at most so many places apart
};

/// The kind of that name. Throws Error listing them for an unknown one.
PositiveKind positive_named(std::string_view name);

/// The images of a data set by folder. Thread-safe once it is made.
class Positives {
  public:
    /// For folder or frames. Throws Error, naming the flag, where the images are no files in folders, where no folder
    /// has two, or where folder finds but one, in which any two images would be a pair.
    Positives(const Dataset& data, const PositiveOptions& options);

    /// The image that gives the other views beside image i: uniformly one of the others of its folder, of frames one
    /// of those near enough; i itself where there is none. Names count as people read them: frame10 comes after frame9.
    /// From Random(seed, Purpose::positive, epoch, i).
    int64_t partner(int64_t i, uint64_t seed, int64_t epoch) const;

  private:
    struct Place {
        int64_t position, begin, end;  // in order_: of the image, of its folder
    };
    PositiveOptions options_;
    std::vector<int64_t> order_;  // images, folder by folder
    std::vector<Place> places_;   // of each image
};

}  // namespace moco
