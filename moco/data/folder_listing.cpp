#include "moco/data/folder_listing.h"

#include <algorithm>

#include "core/error.h"
#include "moco/data/folder_cache.h"
#include "moco/data/folder_entries.h"

namespace moco {
namespace {

using Kind = FolderEntry::Kind;

constexpr int kMostLevels = 16;

class Scanner {
  public:
    Scanner(const std::string& root, Arrays arrays) : root_(root), arrays_(arrays) {}

    FolderListing scan() {
        const std::vector<FolderEntry> top = read_directory("");
        for (const FolderEntry& entry : top) {
            if (entry.kind == Kind::folder) scan_class(entry.name);
        }
        const auto first =
            std::find_if(top.begin(), top.end(), [&](const FolderEntry& e) { return is_image(e, arrays_); });
        if (listing_.class_names.empty()) {
            for (const FolderEntry& entry : top) {
                if (is_image(entry, arrays_)) add(entry.name);
            }
        } else {
            check(first == top.end(),
                  "{0} holds images (such as {1}) beside subfolders with images (such as {2}): subfolders are classes, "
                  "so move {1} and its like into one",
                  root_, first == top.end() ? "" : first->name, listing_.class_names[0]);
        }
        return std::move(listing_);
    }

  private:
    void scan_class(const std::string& name) {
        const int64_t before = listing_.count();
        scan_tree(name, 1);
        if (listing_.count() == before) return listing_.empty_folders.push_back(name);
        listing_.class_names.push_back(name);
        listing_.class_first.push_back(before);
    }

    void scan_tree(const std::string& folder, int level) {
        check(level <= kMostLevels, "{}/{} lies more than {} folders deep: is a symbolic link going in circles?", root_,
              folder, kMostLevels);
        for (const FolderEntry& entry : read_directory(folder)) {
            const std::string path = folder + "/" + entry.name;
            if (entry.kind == Kind::folder) scan_tree(path, level + 1);
            if (is_image(entry, arrays_)) add(path);
        }
    }

    std::vector<FolderEntry> read_directory(const std::string& relative) {
        const std::string path = relative.empty() ? root_ : root_ + "/" + relative;
        // The time is taken first: a change during the reading then shows as a newer one.
        listing_.directories.push_back({relative, modification_time(path)});
        std::vector<FolderEntry> entries = entries_of(path);
        for (const FolderEntry& entry : entries) {
            const std::string name = relative.empty() ? entry.name : relative + "/" + entry.name;
            const bool ignored =
                entry.kind == Kind::ignored || (entry.kind == Kind::array && !is_image(entry, arrays_));
            if (ignored && ++listing_.ignored == 1) listing_.first_ignored = name;
            if (entry.kind == Kind::dangling && ++listing_.dangling == 1) listing_.first_dangling = name;
        }
        return entries;
    }

    void add(const std::string& path) {
        listing_.names += path;
        listing_.ends.push_back(listing_.names.size());
    }

    std::string root_;
    Arrays arrays_;
    FolderListing listing_;
};

void check_not_empty(const FolderListing& listing, const std::string& root) {
    if (listing.count() > 0) return;
    check(listing.dangling == 0,
          "{} holds no images, but {} symbolic links to files that are not there, such as {}: fetch them first (`git "
          "annex get` where git-annex keeps them)",
          root, listing.dangling, listing.first_dangling);
    check(listing.ignored == 0,
          "{} holds no images, but {} files of other kinds, such as {}: expected image files, or one subfolder with "
          "images a class",
          root, listing.ignored, listing.first_ignored);
    fail("{} holds no images: expected image files, or one subfolder with images a class", root);
}

}  // namespace

std::string_view FolderListing::path(int64_t i) const {
    const auto at = static_cast<size_t>(i);
    const uint64_t begin = at == 0 ? 0 : ends[at - 1];
    return std::string_view(names).substr(begin, ends[at] - begin);
}

int64_t FolderListing::label(int64_t i) const {
    const auto after = std::upper_bound(class_first.begin(), class_first.end(), i);
    return after - class_first.begin() - 1;
}

FolderListing scan_folder(const std::string& root) {
    FolderListing listing = Scanner(root, Arrays::ignored).scan();
    if (listing.count() == 0 && listing.ignored > 0) listing = Scanner(root, Arrays::images).scan();
    check_not_empty(listing, root);
    return listing;
}

FolderListing list_folder(const std::string& root, const ListingOptions& options) {
    const FolderCache cache(options.cache_folder, root);
    if (std::optional<FolderListing> kept = cache.read()) return std::move(*kept);
    FolderListing listing = scan_folder(root);
    // What a link leads to may appear without any of these directories changing.
    if (listing.count() >= options.keep_from && listing.dangling == 0) cache.write(listing);
    return listing;
}

std::vector<std::string> notes_of(const FolderListing& listing, const std::string& root) {
    std::vector<std::string> notes;
    const auto such_as = [](int64_t count, const std::string& first) {
        return count == 1 ? " (" + first + ")" : ", such as " + first;
    };
    if (listing.ignored > 0) {
        notes.push_back(fmt::format("{}: {} ignored{}", root,
                                    listing.ignored == 1
                                        ? "1 file that is no image is"
                                        : fmt::format("{} files that are no images are", listing.ignored),
                                    such_as(listing.ignored, listing.first_ignored)));
    }
    if (listing.dangling > 0) {
        notes.push_back(fmt::format("{}: symbolic links to files that are not there are left out: {}{}", root,
                                    listing.dangling, such_as(listing.dangling, listing.first_dangling)));
    }
    if (!listing.class_names.empty() && !listing.empty_folders.empty()) {
        const auto count = static_cast<int64_t>(listing.empty_folders.size());
        notes.push_back(fmt::format("{}: subfolders without images are no classes: {}{}", root, count,
                                    such_as(count, listing.empty_folders.front())));
    }
    return notes;
}

}  // namespace moco
