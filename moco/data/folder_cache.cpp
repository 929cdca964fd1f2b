// The file: a line of text, then 64-bit numbers and strings in the machine's byte order (a cache does not travel), then
// a CRC of it all.
#include "moco/data/folder_cache.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/error.h"
#include "moco/data/fingerprint.h"
#include "nn/atomic_file.h"

namespace moco {
namespace {

constexpr std::string_view kMagic = "moco folder listing 2\n";
constexpr int64_t kRecentNs = 2'000'000'000;

uint64_t checksum(std::string_view bytes) {
    return crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
}

class Writer {
  public:
    void number(uint64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
    void text(std::string_view value) {
        number(value.size());
        bytes_ += value;
    }
    void raw(std::string_view value) { bytes_ += value; }
    const std::string& bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

/// Throws Error at the end of the bytes; FolderCache::read catches it.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}
    uint64_t number() {
        uint64_t value = 0;
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }
    std::string_view text() { return take(number()); }
    std::string_view take(uint64_t count) {
        check(count <= rest_.size(), "a folder listing ends early");
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }

  private:
    std::string_view rest_;
};

std::string serialized(const FolderListing& listing, const std::string& root) {
    Writer out;
    out.raw(kMagic);
    out.text(root);
    out.number(listing.directories.size());
    for (const ListedDirectory& directory : listing.directories) {
        out.text(directory.path);
        out.number(static_cast<uint64_t>(directory.modified_ns));
    }
    out.number(listing.class_names.size());
    for (size_t i = 0; i < listing.class_names.size(); ++i) {
        out.text(listing.class_names[i]);
        out.number(static_cast<uint64_t>(listing.class_first[i]));
    }
    out.number(listing.empty_folders.size());
    for (const std::string& name : listing.empty_folders) out.text(name);
    out.number(static_cast<uint64_t>(listing.ignored));
    out.text(listing.first_ignored);
    out.text(listing.names);
    out.number(listing.ends.size());
    out.raw({reinterpret_cast<const char*>(listing.ends.data()), listing.ends.size() * sizeof(uint64_t)});
    out.number(checksum(out.bytes()));
    return out.bytes();
}

bool unchanged(const ListedDirectory& directory, const std::string& root) {
    return modification_time(directory.path.empty() ? root : root + "/" + directory.path) == directory.modified_ns;
}

FolderListing parsed(std::string_view bytes, const std::string& root) {
    check(bytes.size() > kMagic.size() + 8, "a folder listing is too short");
    const std::string_view body = bytes.substr(0, bytes.size() - 8);
    check(Reader(bytes.substr(body.size())).number() == checksum(body), "a folder listing is damaged");
    Reader in(body);
    check(in.take(kMagic.size()) == kMagic && in.text() == root, "a folder listing of something else");
    FolderListing listing;
    for (uint64_t left = in.number(); left > 0; --left) {
        const std::string path(in.text());
        listing.directories.push_back({path, static_cast<int64_t>(in.number())});
        check(unchanged(listing.directories.back(), root), "a directory has changed");
    }
    for (uint64_t left = in.number(); left > 0; --left) {
        listing.class_names.emplace_back(in.text());
        listing.class_first.push_back(static_cast<int64_t>(in.number()));
    }
    for (uint64_t left = in.number(); left > 0; --left) listing.empty_folders.emplace_back(in.text());
    listing.ignored = static_cast<int64_t>(in.number());
    listing.first_ignored = in.text();
    listing.names = in.text();
    listing.ends.resize(in.number());
    const std::string_view ends = in.take(listing.ends.size() * sizeof(uint64_t));
    std::memcpy(listing.ends.data(), ends.data(), ends.size());
    return listing;
}

}  // namespace

int64_t modification_time(const std::string& path) {
    struct stat status = {};
    if (stat(path.c_str(), &status) != 0) return 0;
    return int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

std::string ListingOptions::default_cache_folder() {
    const char* cache = std::getenv("XDG_CACHE_HOME");
    if (cache != nullptr && cache[0] == '/') return std::string(cache) + "/moco";
    const char* home = std::getenv("HOME");
    return home != nullptr && home[0] == '/' ? std::string(home) + "/.cache/moco" : "";
}

FolderCache::FolderCache(const std::string& folder, const std::string& root) {
    std::error_code error;
    const std::filesystem::path absolute = std::filesystem::canonical(root, error);
    root_ = error ? root : absolute.string();
    if (!folder.empty() && !error) path_ = fmt::format("{}/folder-{:016x}.list", folder, fingerprint(root_, kNoBytes));
}

std::optional<FolderListing> FolderCache::read() const {
    if (path_.empty()) return std::nullopt;
    std::ifstream file(path_, std::ios::binary | std::ios::ate);
    if (!file) return std::nullopt;
    std::string bytes(static_cast<size_t>(std::max<std::streamoff>(file.tellg(), 0)), '\0');
    file.seekg(0);
    if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) return std::nullopt;
    try {
        return parsed(bytes, root_);
    } catch (const Error&) {
        return std::nullopt;
    }
}

void FolderCache::write(const FolderListing& listing) const {
    if (path_.empty()) return;
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    const int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count();
    for (const ListedDirectory& directory : listing.directories) {
        if (directory.modified_ns == 0 || directory.modified_ns > now - kRecentNs) return;
    }
    try {
        std::error_code ignored;
        std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
        write_file_atomically(path_, serialized(listing, root_));
    } catch (const Error&) {
        // The next start scans again.
    }
}

}  // namespace moco
