// Samples of a data set by position in an epoch's order, with unreadable ones replaced.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "moco/data/dataset.h"
#include "moco/data/loader.h"

namespace moco {

/// Thread-safe. What a position holds depends on (seed, epoch, position) alone.
class SampleSource {
  public:
    SampleSource(DatasetPtr dataset, uint64_t seed) : dataset_(std::move(dataset)), seed_(seed) {}

    struct Sample {
        int64_t asked = 0;  // the sample whose turn it is; its draws are used
        int64_t index = 0;  // the sample that was read
        ScaledImage image;
        std::optional<Unreadable> unreadable;  // `asked`, if another one stands for it
    };
    /// Reads the first readable sample at `position` or after it (around the end) in the epoch's order. `choose` is
    /// asked once a try, with `asked` as first argument. Throws Error when no image of the data set can be read.
    template <typename Choose>
    Sample read(int64_t epoch, int64_t position, const Choose& choose) {
        const Order order = order_of(epoch);
        const auto at = [&](int64_t i) { return (*order)[static_cast<size_t>(i % dataset_->count())]; };
        Sample sample;
        sample.asked = at(position);
        for (int64_t offset = 0; offset < dataset_->count(); ++offset) {
            sample.index = at(position + offset);
            if (known_unreadable(sample.index)) continue;
            if (try_load(sample, [&](int64_t H, int64_t W) { return choose(sample.asked, H, W); })) {
                if (offset > 0) sample.unreadable = report(sample.asked, sample.index);
                return sample;
            }
        }
        fail_all_unreadable();
    }

    /// Image `index`, whichever position it has; nothing where it cannot be read. `choose` is as of load_scaled.
    std::optional<ScaledImage> read_image(int64_t index, const ScaleChooser& choose);
    /// Why image `index`, which could not be read, is not there, and what stands for it.
    Unreadable report(int64_t index, int64_t replaced_by);

    /// The sample whose turn it is at `position`, which nobody reads.
    int64_t sample_at(int64_t epoch, int64_t position) {
        return (*order_of(epoch))[static_cast<size_t>(position % dataset_->count())];
    }

  private:
    using Order = std::shared_ptr<const std::vector<int64_t>>;
    Order order_of(int64_t epoch);
    bool try_load(Sample& sample, const ScaleChooser& choose);
    bool known_unreadable(int64_t index);
    [[noreturn]] void fail_all_unreadable();

    DatasetPtr dataset_;
    uint64_t seed_;
    std::mutex mutex_;                           // guards what follows
    std::map<int64_t, Order> orders_;            // by epoch; the latest few
    std::map<int64_t, std::string> unreadable_;  // reasons; saves trying again
};

}  // namespace moco
