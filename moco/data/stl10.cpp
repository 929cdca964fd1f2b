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
    std::vector<MappedFile> files;
    files.emplace_back((folder / (prefix + "_X.bin")).string(), kRemedy);
    return std::make_shared<RecordDataset>(std::move(info), RecordLayout{0, 96, PlaneOrder::columns}, std::move(files),
                                           std::move(labels));
}

}  // namespace

Splits open_stl10(const std::string& given) {
    std::error_code ignored;
    check(std::filesystem::is_directory(given, ignored),
          "stl10: there is no folder {0}: get it with `scripts/get-data stl10 {0}`", given);
    std::filesystem::path folder = std::filesystem::path(given) / "stl10_binary";
    if (!std::filesystem::exists(folder / "train_X.bin", ignored)) folder = given;
    const DatasetPtr train = open_part(folder, "train", "train", Labels::in_file);
    const DatasetPtr test = open_part(folder, "test", "test", Labels::in_file);
    return {open_part(folder, "unlabelled", "unlabeled", Labels::none), train, test};
}

}  // namespace moco
