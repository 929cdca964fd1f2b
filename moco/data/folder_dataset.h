// Folders of images: one subfolder a class, or flat and unlabelled.
#pragma once

#include <string>

#include "moco/data/dataset.h"
#include "moco/data/folder_listing.h"
#include "moco/data/folder_options.h"

namespace moco {

/// Which labels the images of a listing have. Neither: none.
struct FolderLabels {
    std::vector<int64_t> of_class;  // of each of the listing's classes
    std::vector<int64_t> of_image;  // of each image; goes before of_class
};

class FolderDataset final : public Dataset {
  public:
    /// prefix: put before paths, "train/".
    FolderDataset(DatasetInfo info, std::string root, std::string prefix, FolderListing listing, FolderLabels labels,
                  const DecodeOptions& options);
    const DatasetInfo& info() const override { return info_; }
    Image load(int64_t i) const override;
    ScaledImage load_scaled(int64_t i, const ScaleChooser& choose) const override;
    int64_t label(int64_t i) const override;
    std::string path(int64_t i) const override;
    std::string names_digest() const override;
    std::vector<std::string> take_notes() const override;

  private:
    DatasetInfo info_;
    std::string root_, prefix_;
    FolderListing listing_;
    FolderLabels labels_;
    DecodeOptions options_;
};

/// All images below `folder`, or below those of its subfolders that are its parts (moco/data/folder_parts.h), with the
/// classes of the training part. A test part that lies flat, or in one folder `images`, is unlabelled unless
/// val_annotations.txt tells its labels. Images are RGB, normalised with ImageNet's constants. With asked.labels_from,
/// that file tells the labels: of the test part where only the training part has class folders, else of all images.
/// Images without a label are then in `pretrain` only. Throws Error where what is asked for is not there.
Splits open_folder(const std::string& folder, const ListingOptions& listing, const DecodeOptions& options = {},
                   const FolderOptions& asked = {});

}  // namespace moco
