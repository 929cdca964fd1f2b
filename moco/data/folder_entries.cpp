// Reading directories with readdir, whose d_type tells files from folders without a stat per file.
#include "moco/data/folder_entries.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "core/stand_in.h"

namespace moco {
namespace {

using Kind = FolderEntry::Kind;

constexpr int kMostLevels = 16;

struct CloseDir {
    void operator()(DIR* directory) const { closedir(directory); }
};

/// Calls `visit` for what is not hidden.
template <typename Visit>
void for_each_entry(const std::string& path, const Visit& visit) {
    const std::unique_ptr<DIR, CloseDir> directory(opendir(path.c_str()));
    check(directory != nullptr, "{} cannot be read ({}): expected a folder of images", path,
          why_not_opened(path, errno));
    while (const dirent* entry = readdir(directory.get())) {
        if (entry->d_name[0] != '.') visit(*entry);
    }
}

template <size_t N>
bool contains(const std::array<std::string_view, N>& texts, std::string_view text) {
    return std::find(texts.begin(), texts.end(), text) != texts.end();
}

/// In small letters, without the dot; "" where there is none.
std::string extension_of(std::string_view name) {
    const size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) return "";
    std::string extension(name.substr(dot + 1));
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return extension;
}

/// Formats that are read, and those that a decoder refuses by their name.
bool says_image(std::string_view extension) {
    static constexpr std::array<std::string_view, 25> kExtensions = {
        "jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib",  "gif",  "ppm",  "pgm", "pbm", "pnm", "webp",
        "tif", "tiff", "tga", "psd",  "hdr", "ico", "avif", "heic", "heif", "jp2", "j2k", "jxl"};
    return contains(kExtensions, extension);
}

/// Everything that commonly lies beside images.
bool says_other(std::string_view extension) {
    static constexpr std::array<std::string_view, 54> kExtensions = {
        "txt", "csv",  "tsv",   "json", "jsonl",   "xml",  "yaml",  "yml",    "toml",     "ini",         "md",
        "rst", "html", "htm",   "css",  "js",      "py",   "ipynb", "sh",     "log",      "pdf",         "doc",
        "zip", "gz",   "tar",   "tgz",  "bz2",     "xz",   "zst",   "7z",     "rar",      "npz",         "pt",
        "pth", "pkl",  "h5",    "hdf5", "mat",     "db",   "lst",   "bin",    "lock",     "safetensors", "mp4",
        "avi", "webm", "arrow", "onnx", "parquet", "part", "md5",   "sha256", "tfrecord", "svg"};
    return contains(kExtensions, extension);
}

/// The signatures of image formats; a file with none of them is no image, whatever decoder is asked.
bool begins_like_an_image(std::string_view start) {
    const auto has = [&](std::string_view signature, size_t at) {
        return start.substr(at, signature.size()) == signature;
    };
    if (start.size() < 12) return false;
    const bool pnm = start[0] == 'P' && start[1] >= '1' && start[1] <= '6' &&
                     std::isspace(static_cast<unsigned char>(start[2])) != 0;
    const bool tiff = has({"II*\0", 4}, 0) || has({"MM\0*", 4}, 0);
    const bool boxes = has("ftypavif", 4) || has("ftyphei", 4) || has("jP  ", 4);
    return pnm || tiff || boxes || has("\xFF\xD8\xFF", 0) || has("\x89PNG", 0) || has("GIF8", 0) || has("BM", 0) ||
           (has("RIFF", 0) && has("WEBP", 8)) || has("8BPS", 0) || has("#?RADIANCE", 0) || has("#?RGBE", 0) ||
           has({"\0\0\1\0", 4}, 0);
}

/// A file that cannot be opened counts as an image: its decoder says why.
bool is_image_inside(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return true;
    std::array<char, 16> start = {};
    const ssize_t got = read(file, start.data(), start.size());
    close(file);
    return got < 0 || begins_like_an_image({start.data(), static_cast<size_t>(got)});
}

Kind kind_of_file(const std::string& path, const char* name) {
    const std::string extension = extension_of(name);
    if (says_image(extension)) return Kind::image;
    if (extension == "npy") return Kind::array;
    if (says_other(extension)) return Kind::ignored;
    return is_image_inside(path) ? Kind::image : Kind::ignored;
}

Kind kind_of(const std::string& folder, const dirent& entry) {
    const std::string path = folder + "/" + entry.d_name;
    unsigned char type = entry.d_type;
    if (type == DT_LNK || type == DT_UNKNOWN) {
        struct stat status = {};
        if (stat(path.c_str(), &status) != 0) {
            const bool link = lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
            return link && !says_other(extension_of(entry.d_name)) ? Kind::dangling : Kind::ignored;
        }
        type = S_ISDIR(status.st_mode) ? DT_DIR : S_ISREG(status.st_mode) ? DT_REG : DT_UNKNOWN;
    }
    if (type == DT_DIR) return Kind::folder;
    return type == DT_REG ? kind_of_file(path, entry.d_name) : Kind::ignored;
}

bool holds_images(const std::string& path, Arrays arrays, int level) {
    if (level > kMostLevels) return false;
    const std::vector<FolderEntry> entries = entries_of(path);
    const auto is_one = [&](const FolderEntry& e) { return is_image(e, arrays); };
    if (std::any_of(entries.begin(), entries.end(), is_one)) return true;
    return std::any_of(entries.begin(), entries.end(), [&](const FolderEntry& e) {
        return e.kind == Kind::folder && holds_images(path + "/" + e.name, arrays, level + 1);
    });
}

}  // namespace

bool is_image(const FolderEntry& entry, Arrays arrays) {
    return entry.kind == Kind::image || (entry.kind == Kind::array && arrays == Arrays::images);
}

std::vector<FolderEntry> entries_of(const std::string& path) {
    std::vector<FolderEntry> entries;
    for_each_entry(path, [&](const dirent& entry) { entries.push_back({entry.d_name, kind_of(path, entry)}); });
    std::sort(entries.begin(), entries.end(),
              [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
    return entries;
}

std::vector<std::string> subfolders_of(const std::string& path, const std::function<bool(const std::string&)>& wanted) {
    std::vector<std::string> names;
    for_each_entry(path, [&](const dirent& entry) {
        const bool perhaps = entry.d_type == DT_DIR || entry.d_type == DT_LNK || entry.d_type == DT_UNKNOWN;
        std::error_code ignored;
        if (perhaps && wanted(entry.d_name) && std::filesystem::is_directory(path + "/" + entry.d_name, ignored)) {
            names.emplace_back(entry.d_name);
        }
    });
    std::sort(names.begin(), names.end());
    return names;
}

bool holds_images(const std::string& path, Arrays arrays) {
    return holds_images(path, arrays, 0);
}

}  // namespace moco
