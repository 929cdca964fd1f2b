// Which images a folder holds: one pass over its directories, kept for the next start.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moco {

/// A directory and the time it last changed; as long as that stays, so do the names within.
struct ListedDirectory {
    std::string path;  // relative to the root, "" for the root
    int64_t modified_ns = 0;
    bool operator==(const ListedDirectory&) const = default;
};

/// The images below a folder, sorted: class by class, name by name. Paths lie in one block, so a million of them is a
/// few dozen megabytes.
struct FolderListing {
    std::vector<std::string> class_names;      // sorted subfolders with images; none when the images lie flat
    std::vector<int64_t> class_first;          // index of each class's first image
    std::string names;                         // all paths relative to the root, one after the other
    std::vector<uint64_t> ends;                // end of each path in `names`
    std::vector<ListedDirectory> directories;  // every directory that was read
    std::vector<std::string> empty_folders;    // subfolders without images, sorted
    int64_t ignored = 0;                       // files that are no images; hidden ones do not count
    std::string first_ignored;
    int64_t dangling = 0;  // symbolic links to files that are not there
    std::string first_dangling;

    int64_t count() const { return static_cast<int64_t>(ends.size()); }
    std::string_view path(int64_t i) const;
    /// Index into class_names, or -1.
    int64_t label(int64_t i) const;
    bool operator==(const FolderListing&) const = default;
};

struct ListingOptions {
    /// Where listings are kept; "": nowhere. Default: $XDG_CACHE_HOME/moco or ~/.cache/moco.
    std::string cache_folder = default_cache_folder();
    /// Smaller listings are quick to make again and not kept.
    int64_t keep_from = 20'000;

    static std::string default_cache_folder();
};

/// Lists the images below `root`: files whose extension says so, and files whose extension says nothing but whose first
/// bytes do; .npy files where there are no others. Directories are read once each, and of files only those in doubt.
/// Subfolders of `root` are classes and may have subfolders of their own; symbolic links are followed. Throws Error
/// when the folder cannot be read, holds no image, or mixes images with classes.
FolderListing scan_folder(const std::string& root);

/// The same, from the cache when no directory has changed since; otherwise scanned, and kept if it may be. A cache that
/// is damaged or cannot be written is passed over silently.
FolderListing list_folder(const std::string& root, const ListingOptions& options);

/// Sentences worth showing about what was left out; `root` as the user knows it.
std::vector<std::string> notes_of(const FolderListing& listing, const std::string& root);

}  // namespace moco
