// STL-10, binary version (https://cs.stanford.edu/~acoates/stl10): 96 x 96 pixels in column-major planes; labels from 1
// in files of their own; 100,000 unlabelled images, on which one pretrains.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/error.h"
#include "moco/data/record_dataset.h"

namespace moco {
namespace {

const char* const kRemedy = "get the binary version with `scripts/get-data stl10 DIR` and name it stl10:DIR";

enum class Labels { in_file, none };

std::vector<uint8_t> read_labels(const std::string& path) {
    const MappedFile file(path, kRemedy);
    std::vector<uint8_t> labels(file.bytes().begin(), file.bytes().end());
    for (uint8_t& label : labels) {
        check(label >= 1 && label <= 10, "{} is corrupt: it holds the label {}, expected 1 to 10; get it again", path,
              label);
        --label;
    }
    return labels;
}

DatasetPtr open_part(const std::filesystem::path& folder, const std::string& part, const std::string& prefix,
                     Labels labelled) {
    DatasetInfo info;
    info.name = "stl10";
    info.part = part;
    info.normalization = {{0.4467f, 0.4398f, 0.4066f}, {0.2603f, 0.2566f, 0.2713f}};
    std::vector<uint8_t> labels;
    if (labelled == Labels::in_file) {
        labels = read_labels((folder / (prefix + "_y.bin")).string());
        info.classes = 10;
        info.class_names = {"airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"};
    }
    const RecordLayout layout = {0, 96, PlaneOrder::columns};
    std::vector<MappedFile> files;
    files.emplace_back((folder / (prefix + "_X.bin")).string(), kRemedy);
    const auto bytes = static_cast<int64_t>(files[0].bytes().size()), images = bytes / layout.bytes();
    const bool whole = bytes % layout.bytes() == 0;  // RecordDataset refuses others
    check(labelled == Labels::none || !whole || static_cast<int64_t>(labels.size()) == images,
          "{} holds {} labels, but {} holds {} images: get both files again", (folder / (prefix + "_y.bin")).string(),
          labels.size(), files[0].path(), images);
    return std::make_shared<RecordDataset>(std::move(info), layout, std::move(files), std::move(labels));
}

}  // namespace

Splits open_stl10(const std::string& given) {
    std::error_code ignored;
    check(std::filesystem::is_directory(given, ignored),
          "stl10: there is no folder {0}: get it with `scripts/get-data stl10 {0}`", given);
    std::filesystem::path folder = std::filesystem::path(given) / "stl10_binary";
    if (!std::filesystem::exists(folder / "train_X.bin", ignored)) folder = given;
    Splits splits;
    splits.train = open_part(folder, "train", "train", Labels::in_file);
    splits.test = open_part(folder, "test", "test", Labels::in_file);
    const std::filesystem::path unlabelled = folder / "unlabeled_X.bin";
    if (std::filesystem::exists(unlabelled, ignored)) {
        splits.pretrain = open_part(folder, "unlabelled", "unlabeled", Labels::none);
    } else {  // 2.8 GB that evaluations and supervised training do without
        splits.pretrain_is_missing =
            fmt::format("{} is missing, the images to pretrain on: {}", unlabelled.string(), kRemedy);
    }
    return splits;
}

}  // namespace moco
