#include "moco/data/image_files.h"

#include <filesystem>
#include <utility>

#include "core/error.h"
#include "moco/data/folder_dataset.h"

namespace moco {
namespace {

namespace fs = std::filesystem;

/// Paths as they were named; files are read by a folder's data set.
class ImageFiles final : public Dataset {
  public:
    ImageFiles(std::vector<std::string> paths, const DatasetInfo& like, const DecodeOptions& options)
        : paths_(std::move(paths)), info_(like) {
        info_.name = "images", info_.part = "", info_.folder = "";
        info_.count = std::ssize(paths_);
        info_.H = info_.W = 0;
        FolderListing listing;
        for (const std::string& path : paths_) {
            listing.names += fs::absolute(path).string().substr(1);  // the root is "/"
            listing.ends.push_back(listing.names.size());
        }
        DecodeOptions of_files = options;
        of_files.channels = info_.channels;
        files_ = std::make_shared<FolderDataset>(info_, "", "/", std::move(listing), FolderLabels(), of_files);
    }

    const DatasetInfo& info() const override { return info_; }
    Image load(int64_t i) const override { return files_->load(i); }
    ScaledImage load_scaled(int64_t i, const ScaleChooser& choose) const override {
        return files_->load_scaled(i, choose);
    }
    int64_t label(int64_t) const override { return -1; }
    std::string path(int64_t i) const override { return paths_[static_cast<size_t>(i)]; }

  private:
    std::vector<std::string> paths_;
    DatasetInfo info_;
    DatasetPtr files_;
};

}  // namespace

std::vector<std::string> image_paths(const std::vector<std::string>& named) {
    std::vector<std::string> paths;
    std::error_code error;
    for (const std::string& name : named) {
        check(fs::exists(name, error), "{}: there is no such file or folder", name);
        if (!fs::is_directory(name, error)) {
            paths.push_back(name);
            continue;
        }
        const FolderListing listing = scan_folder(name);
        for (int64_t i = 0; i < listing.count(); ++i) {
            paths.push_back((fs::path(name) / std::string(listing.path(i))).string());
        }
    }
    return paths;
}

DatasetPtr image_files(std::vector<std::string> paths, const DatasetInfo& like, const DecodeOptions& options) {
    return std::make_shared<ImageFiles>(std::move(paths), like, options);
}

}  // namespace moco
