// Which subfolders of a folder of images are its parts.
#pragma once

#include <string>

namespace moco {

struct FolderParts {
    std::string train;  // subfolder of the training part; "": the folder itself
    std::string test;   // subfolder of the test part; "": there is none
    std::string note;   // a sentence about what is not plain; or ""
};

/// train/ beside val/, validation/, valid/ or test/ (the first of them), in capitals or small letters, whatever else
/// lies there; or one of them alone, where no other subfolder holds images. test_part: "val" (any of the first three)
/// or "test" asks for train/ beside that one. Throws Error naming `folder` when it cannot be read or has no such part,
/// and naming the flag --test-part for any other name.
FolderParts find_parts(const std::string& folder, const std::string& test_part = "");

}  // namespace moco
