// Which subfolders of a folder of images are its parts.
#pragma once

#include <string>

namespace moco {

struct FolderParts {
    std::string train;  // subfolder of the training part; "": the folder itself
    std::string test;   // subfolder of the test part; "": there is none
    std::string note;   // a sentence about what is not plain; or ""
};

/// train/ beside val/, validation/, valid/ or test/, in capitals or small letters, whatever else lies there; or one of
/// them alone, where no other subfolder holds images. Throws Error naming `folder` when it cannot be read.
FolderParts find_parts(const std::string& folder);

}  // namespace moco
