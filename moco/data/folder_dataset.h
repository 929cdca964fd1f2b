// Folders of images: one subfolder a class, or flat and unlabelled.
#pragma once

#include <string>

#include "moco/data/dataset.h"
#include "moco/data/folder_listing.h"

namespace moco {

class FolderDataset final : public Dataset {
  public:
    /// prefix: put before paths, "train/". class_names: the classes of labels, or empty for the listing's own.
    /// Throws Error when the listing has a class that is not among them.
    FolderDataset(DatasetInfo info, std::string root, std::string prefix, FolderListing listing);
    const DatasetInfo& info() const override { return info_; }
    Image load(int64_t i) const override;
    ScaledImage load_scaled(int64_t i, const ScaleChooser& choose) const override;
    int64_t label(int64_t i) const override;
    std::string path(int64_t i) const override;

  private:
    DatasetInfo info_;
    std::string root_, prefix_;
    FolderListing listing_;
    std::vector<int64_t> label_of_class_;
};

/// All images below `folder`; if it has train/ and val/ (or validation/, valid/, test/), these are the parts. Images
/// are RGB, normalised with ImageNet's constants.
Splits open_folder(const std::string& folder, const ListingOptions& options);

}  // namespace moco
