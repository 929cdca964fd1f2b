// The lines of a file of labels, brought together with the images of a folder.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "moco/data/folder_listing.h"
#include "moco/data/label_file.h"

namespace moco {

/// A part of a folder, as lines may name its images.
struct NamedPart {
    const FolderListing* listing;
    std::string prefix;  // "val/", or ""
};

struct LabelsOfParts {
    std::vector<std::string> class_names;       // sorted
    std::vector<std::vector<int64_t>> of_part;  // of each image of each part, or -1
    std::vector<std::string> notes;             // what was passed over, counted
};

/// The labels of `parts` of `folder`. A line names an image by its path from `folder` or from its part on, or by its
/// name, with or without extension, where one image only has it. The classes are those of the lines with an image, or
/// `known` (sorted) where that is not empty. The first line is a header when no image has its name and no other line
/// its class. Lines without an image, repeated lines, images without a line and classes without images in a part are
/// counted in notes. Throws Error naming the line when a name has several images, an image several classes, a class is
/// not known; and when no line has an image, or all have one class.
LabelsOfParts labels_of_parts(const LabelFile& file, const std::string& folder, std::span<const NamedPart> parts,
                              const std::vector<std::string>& known);

/// The images of `listing` with a label, as a flat listing; and their labels in `labels`.
FolderListing labelled_images(const FolderListing& listing, std::vector<int64_t>& labels);

}  // namespace moco
