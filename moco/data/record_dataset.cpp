#include "moco/data/record_dataset.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/error.h"

namespace moco {

RecordDataset::RecordDataset(DatasetInfo info, const RecordLayout& layout, std::vector<MappedFile> files,
                             std::vector<uint8_t> labels)
    : info_(std::move(info)), layout_(layout), files_(std::move(files)), labels_(std::move(labels)) {
    info_.channels = 3;
    info_.H = info_.W = layout_.side;
    info_.count = 0;
    for (const MappedFile& file : files_) {
        const auto size = static_cast<int64_t>(file.bytes().size());
        check(size % layout_.bytes() == 0,
              "{} has {} bytes, which is no whole number of records of {} bytes: the file is truncated or another "
              "version (the binary one is needed); get it again",
              file.path(), size, layout_.bytes());
        first_.push_back(info_.count);
        info_.count += size / layout_.bytes();
    }
    check(labels_.empty() || static_cast<int64_t>(labels_.size()) == info_.count,
          "{}: {} labels for {} images; get both files again", files_[0].path(), labels_.size(), info_.count);
    for (int64_t i = 0; i < info_.count; ++i) {
        check(label(i) < std::max<int64_t>(info_.classes, 1),
              "{} is corrupt: its class is {}, expected less than {}; get the file again", path(i), label(i),
              info_.classes);
    }
}

RecordDataset::Place RecordDataset::place(int64_t i) const {
    const auto after = std::upper_bound(first_.begin(), first_.end(), i);
    const auto file = static_cast<size_t>(after - first_.begin()) - 1;
    return {file, i - first_[file]};
}

const uint8_t* RecordDataset::record(int64_t i) const {
    const Place at = place(i);
    return files_[at.file].bytes().data() + at.record * layout_.bytes();
}

Image RecordDataset::load(int64_t i) const {
    const int64_t side = layout_.side;
    const uint8_t* plane = record(i) + layout_.label_bytes;
    const int64_t step_y = layout_.order == PlaneOrder::rows ? side : 1;
    const int64_t step_x = layout_.order == PlaneOrder::rows ? 1 : side;
    Image image(side, side, 3);
    for (int64_t y = 0; y < side; ++y) {
        for (int64_t x = 0; x < side; ++x) {
            const uint8_t* source = plane + y * step_y + x * step_x;
            uint8_t* pixel = image.at(y, x);
            for (int64_t c = 0; c < 3; ++c) pixel[c] = source[c * side * side];
        }
    }
    return image;
}

int64_t RecordDataset::label(int64_t i) const {
    if (!labels_.empty()) return labels_[static_cast<size_t>(i)];
    return layout_.label_bytes > 0 ? record(i)[layout_.label_bytes - 1] : -1;
}

std::string RecordDataset::path(int64_t i) const {
    const Place at = place(i);
    return fmt::format("{}#{}", std::filesystem::path(files_[at.file].path()).filename().string(), at.record);
}

}  // namespace moco
