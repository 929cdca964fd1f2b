// Listings of folders, kept between runs in the user's cache folder (never in the folder of images).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "moco/data/folder_listing.h"

namespace moco {

/// When the names in a directory last changed, in nanoseconds; 0 when it cannot be asked.
int64_t modification_time(const std::string& path);

/// The kept listing of one root. Nothing here throws: without a usable cache one scans.
class FolderCache {
  public:
    /// folder: "" for no cache. root: the folder of images; relative paths and links to it share a listing.
    FolderCache(const std::string& folder, const std::string& root);
    /// The listing, if it is whole and every directory's modification time is what it was.
    std::optional<FolderListing> read() const;
    /// Keeps it, unless a directory changed in the last two seconds: a further change might not show in its time.
    void write(const FolderListing& listing) const;
    /// Where the listing is or would be kept; "" without a cache.
    const std::string& path() const { return path_; }

  private:
    std::string root_, path_;
};

}  // namespace moco
