// What a folder of images is asked for besides its images.
#pragma once

#include <string>

namespace moco {

struct FolderOptions {
    std::string labels_from;  // --labels-from: a file of paths and classes (moco/data/label_file.h); "": none
    std::string test_part;    // --test-part: "val", "test", or "" for the first that is there

    bool operator==(const FolderOptions&) const = default;
};

}  // namespace moco
