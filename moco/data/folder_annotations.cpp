#include "moco/data/folder_annotations.h"

#include <algorithm>
#include <fstream>
#include <unordered_map>

#include "core/error.h"

namespace moco {
namespace {

/// The class of each image by the last part of its path.
std::unordered_map<std::string, int64_t> read_annotations(std::ifstream& file, const std::string& path,
                                                          const std::vector<std::string>& class_names) {
    std::unordered_map<std::string, int64_t> label_of;
    int64_t number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (line.empty()) continue;
        const size_t tab = line.find('\t');
        check(tab != std::string::npos, "{}, line {}: '{}' has no tab, expected an image's name, a tab and its class",
              path, number, line.substr(0, 80));
        const std::string name = line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1);
        const auto at = std::lower_bound(class_names.begin(), class_names.end(), name);
        check(at != class_names.end() && *at == name,
              "{}, line {}: the class '{}' is not one of the {} of the training part", path, number, name,
              class_names.size());
        label_of[line.substr(0, tab)] = at - class_names.begin();
    }
    return label_of;
}

}  // namespace

std::optional<std::vector<int64_t>> annotated_labels(const std::string& root, const FolderListing& listing,
                                                     const std::vector<std::string>& class_names) {
    const std::string path = root + "/val_annotations.txt";
    std::ifstream file(path);
    if (!file) return std::nullopt;
    const std::unordered_map<std::string, int64_t> label_of = read_annotations(file, path, class_names);
    std::vector<int64_t> labels;
    for (int64_t i = 0; i < listing.count(); ++i) {
        const std::string_view image = listing.path(i);
        const auto found = label_of.find(std::string(image.substr(image.rfind('/') + 1)));
        check(found != label_of.end(), "{} has no line for {}: expected one for every image of {}", path, image, root);
        labels.push_back(found->second);
    }
    return labels;
}

}  // namespace moco
