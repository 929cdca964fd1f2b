// Reading directories with readdir, whose d_type tells files from folders without a stat per file.
#include "moco/data/folder_listing.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>

#include "core/error.h"
#include "moco/data/folder_cache.h"

namespace moco {
namespace {

constexpr int kMostLevels = 16;

enum class Kind { image, folder, other };

struct Entry {
    std::string name;
    Kind kind;
};

struct CloseDir {
    void operator()(DIR* directory) const { closedir(directory); }
};

/// Everything that commonly lies beside images. What is not on this list is opened and judged by its first bytes.
bool is_no_image(std::string_view name) {
    static constexpr std::array<std::string_view, 42> kExtensions = {
        "txt", "csv",  "tsv", "json", "jsonl", "xml", "yaml",  "yml",  "toml",       "ini", "md",
        "rst", "html", "htm", "css",  "js",    "py",  "ipynb", "sh",   "log",        "pdf", "doc",
        "zip", "gz",   "tar", "tgz",  "bz2",   "xz",  "zst",   "7z",   "npy",        "npz", "pt",
        "pth", "pkl",  "h5",  "mat",  "db",    "lst", "bin",   "lock", "safetensors"};
    const size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) return false;
    std::string extension(name.substr(dot + 1));
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

Kind kind_of(const std::string& folder, const dirent& entry) {
    unsigned char type = entry.d_type;
    if (type == DT_LNK || type == DT_UNKNOWN) {
        struct stat status = {};
        if (stat((folder + "/" + entry.d_name).c_str(), &status) != 0) return Kind::other;
        type = S_ISDIR(status.st_mode) ? DT_DIR : S_ISREG(status.st_mode) ? DT_REG : DT_UNKNOWN;
    }
    if (type == DT_DIR) return Kind::folder;
    return type == DT_REG && !is_no_image(entry.d_name) ? Kind::image : Kind::other;
}

class Scanner {
  public:
    explicit Scanner(const std::string& root) : root_(root) {}

    FolderListing scan() {
        const std::vector<Entry> top = read_directory("");
        for (const Entry& entry : top) {
            if (entry.kind == Kind::folder) scan_class(entry.name);
        }
        const auto first = std::find_if(top.begin(), top.end(), [](const Entry& e) { return e.kind == Kind::image; });
        if (listing_.class_names.empty()) {
            for (const Entry& entry : top) {
                if (entry.kind == Kind::image) add(entry.name);
            }
        } else {
            check(first == top.end(),
                  "{0} holds images (such as {1}) beside subfolders with images (such as {2}): subfolders are classes, "
                  "so move {1} and its like into one",
                  root_, first == top.end() ? "" : first->name, listing_.class_names[0]);
        }
        check(listing_.count() > 0, "{} holds no images: expected image files, or one subfolder with images a class",
              root_);
        return std::move(listing_);
    }

  private:
    void scan_class(const std::string& name) {
        const int64_t before = listing_.count();
        scan_tree(name, 1);
        if (listing_.count() == before) return;
        listing_.class_names.push_back(name);
        listing_.class_first.push_back(before);
    }

    void scan_tree(const std::string& folder, int level) {
        check(level <= kMostLevels, "{}/{} lies more than {} folders deep: is a symbolic link going in circles?", root_,
              folder, kMostLevels);
        for (const Entry& entry : read_directory(folder)) {
            const std::string path = folder + "/" + entry.name;
            if (entry.kind == Kind::folder) scan_tree(path, level + 1);
            if (entry.kind == Kind::image) add(path);
        }
    }

    std::vector<Entry> read_directory(const std::string& relative) {
        const std::string path = relative.empty() ? root_ : root_ + "/" + relative;
        // The time is taken first: a change during the reading then shows as a newer one.
        listing_.directories.push_back({relative, modification_time(path)});
        const std::unique_ptr<DIR, CloseDir> directory(opendir(path.c_str()));
        check(directory != nullptr, "{} cannot be read ({}): expected a folder of images", path, std::strerror(errno));
        std::vector<Entry> entries;
        while (const dirent* entry = readdir(directory.get())) {
            if (entry->d_name[0] == '.') continue;
            const Kind kind = kind_of(path, *entry);
            if (kind != Kind::other) entries.push_back({entry->d_name, kind});
        }
        std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
        return entries;
    }

    void add(const std::string& path) {
        listing_.names += path;
        listing_.ends.push_back(listing_.names.size());
    }

    std::string root_;
    FolderListing listing_;
};

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
    return Scanner(root).scan();
}

FolderListing list_folder(const std::string& root, const ListingOptions& options) {
    const FolderCache cache(options.cache_folder, root);
    if (std::optional<FolderListing> kept = cache.read()) return std::move(*kept);
    FolderListing listing = scan_folder(root);
    if (listing.count() >= options.keep_from) cache.write(listing);
    return listing;
}

}  // namespace moco
