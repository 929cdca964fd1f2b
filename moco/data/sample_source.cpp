#include "moco/data/sample_source.h"

#include <utility>

#include "core/error.h"
#include "core/random.h"

namespace moco {

SampleSource::Order SampleSource::order_of(int64_t epoch) {
    const std::lock_guard lock(mutex_);
    Order& order = orders_[epoch];
    if (order == nullptr) {
        Random random(seed_, Purpose::order, static_cast<uint32_t>(epoch));
        order = std::make_shared<const std::vector<int64_t>>(random.permutation(dataset_->count()));
    }
    const Order result = order;
    // Workers are at most in two neighbouring epochs, or a few where epochs have a single step.
    while (orders_.size() > 4) orders_.erase(orders_.begin());
    return result;
}

bool SampleSource::try_load(Sample& sample, const ScaleChooser& choose) {
    try {
        sample.image = dataset_->load_scaled(sample.index, choose);
        return true;
    } catch (const Error& error) {
        const std::lock_guard lock(mutex_);
        unreadable_.emplace(sample.index, error.what());
        return false;
    }
}

std::optional<ScaledImage> SampleSource::read_image(int64_t index, const ScaleChooser& choose) {
    Sample sample;
    sample.index = index;
    if (known_unreadable(index) || !try_load(sample, choose)) return std::nullopt;
    return std::move(sample.image);
}

bool SampleSource::known_unreadable(int64_t index) {
    const std::lock_guard lock(mutex_);
    return !unreadable_.empty() && unreadable_.contains(index);
}

Unreadable SampleSource::report(int64_t index, int64_t replaced_by) {
    const std::lock_guard lock(mutex_);
    return {index, dataset_->path(index), unreadable_.at(index), replaced_by};
}

void SampleSource::fail_all_unreadable() {
    const std::lock_guard lock(mutex_);
    fail("none of the {} images of {} can be read; the first: {}", dataset_->count(), dataset_->info().name,
         unreadable_.begin()->second);
}

}  // namespace moco
