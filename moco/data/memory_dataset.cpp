#include "moco/data/memory_dataset.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace moco {

MemoryDataset::MemoryDataset(DatasetInfo info, std::vector<uint8_t> pixels, std::vector<uint8_t> labels,
                             std::string path)
    : info_(std::move(info)), pixels_(std::move(pixels)), labels_(std::move(labels)), path_(std::move(path)) {
    const int64_t expected = info_.count * info_.H * info_.W * info_.channels;
    check(static_cast<int64_t>(pixels_.size()) == expected, "{}: {} bytes of pixels, expected {}", path_,
          pixels_.size(), expected);
    check(labels_.empty() || static_cast<int64_t>(labels_.size()) == info_.count, "{}: {} labels for {} images", path_,
          labels_.size(), info_.count);
}

Image MemoryDataset::load(int64_t i) const {
    Image image(info_.H, info_.W, info_.channels);
    std::copy_n(pixels_.begin() + i * static_cast<int64_t>(image.pixels.size()), image.pixels.size(),
                image.pixels.begin());
    return image;
}

int64_t MemoryDataset::label(int64_t i) const {
    return labels_.empty() ? -1 : labels_[static_cast<size_t>(i)];
}

std::string MemoryDataset::path(int64_t i) const {
    return fmt::format("{}#{}", path_, i);
}

}  // namespace moco
