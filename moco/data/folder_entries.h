// What lies in a directory, seen from somebody who looks for images.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace moco {

struct FolderEntry {
    enum class Kind {
        image,     // a file with an image's extension, or with an unknown one and an image's first bytes
        array,     // an .npy file
        folder,    // or a link to one
        ignored,   // a file of another kind, or one that cannot be looked at
        dangling,  // a symbolic link to what is not there
    };
    std::string name;
    Kind kind;
};

/// The entries of a directory, sorted by name, without hidden ones. Only files whose extension says nothing are opened,
/// for a few bytes. Throws Error naming `path` when it cannot be read.
std::vector<FolderEntry> entries_of(const std::string& path);

/// The names of the directories, and of links to some, in a directory: those that are `wanted`, sorted; no file is
/// looked at. Throws Error naming `path` when it cannot be read.
std::vector<std::string> subfolders_of(const std::string& path, const std::function<bool(const std::string&)>& wanted);

/// What .npy files are: where other images lie, rather labels, features and the like beside them.
enum class Arrays { ignored, images };

bool is_image(const FolderEntry& entry, Arrays arrays);

/// Whether an image lies in the directory or below it; stops at the first.
bool holds_images(const std::string& path, Arrays arrays);

}  // namespace moco
