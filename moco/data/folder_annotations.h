// Labels that stand in a file beside the images, as Tiny-ImageNet has them for its validation part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "moco/data/folder_listing.h"

namespace moco {

/// The labels of the images of `listing`, read from `root`/val_annotations.txt: a line an image, its name, a tab, the
/// name of its class, and what else follows another tab. Nothing if there is no such file. Throws Error naming the file
/// (and line) when an image has no line or its class is not one of `class_names`, which are sorted.
std::optional<std::vector<int64_t>> annotated_labels(const std::string& root, const FolderListing& listing,
                                                     const std::vector<std::string>& class_names);

}  // namespace moco
