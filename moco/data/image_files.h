// Images that somebody names, one by one or by folder: what a classifier is asked about.
#pragma once

#include <string>
#include <vector>

#include "moco/data/dataset.h"

namespace moco {

/// The files `named`, and for a folder among them all images below it, in that order. Throws Error for a name that is
/// not there, and for a folder without images.
std::vector<std::string> image_paths(const std::vector<std::string>& named);

/// `paths` as an unlabelled data set of images as `like` describes them (channels, normalisation); colour becomes grey
/// where that has one channel, as Pillow's convert("L") does it. Whatever is wrong with a file shows when it is loaded.
DatasetPtr image_files(std::vector<std::string> paths, const DatasetInfo& like, const DecodeOptions& options);

}  // namespace moco
