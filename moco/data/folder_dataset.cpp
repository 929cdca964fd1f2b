#include "moco/data/folder_dataset.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/error.h"
#include "moco/data/decode.h"

namespace moco {
namespace {

/// The bytes of a file in memory that the thread keeps for its next file.
std::span<const uint8_t> read_file(const std::string& path) {
    thread_local std::vector<uint8_t> buffer;
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    check(file >= 0, "{} cannot be opened ({})", path, std::strerror(errno));
    struct stat status = {};
    int error = fstat(file, &status) == 0 ? 0 : errno;
    const auto size = static_cast<size_t>(std::max<off_t>(status.st_size, 0));
    if (buffer.size() < size) buffer.resize(size);
    size_t done = 0;
    while (error == 0 && done < size) {
        const ssize_t got = read(file, buffer.data() + done, size - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) error = errno;
        if (got <= 0) break;
        done += static_cast<size_t>(got);
    }
    close(file);
    check(error == 0, "{} cannot be read ({})", path, std::strerror(error));
    return {buffer.data(), done};
}

DatasetPtr open_part(const std::string& folder, const std::string& part, const std::string& subfolder,
                     const Dataset* train, const ListingOptions& options) {
    const std::string root = subfolder.empty() ? folder : folder + "/" + subfolder;
    FolderListing listing = list_folder(root, options);
    DatasetInfo info;
    info.name = "folder";
    info.part = part;
    info.count = listing.count();
    info.normalization = kImageNetNormalization;
    info.class_names = listing.class_names;
    // Labels of all parts are those of the training part: its class names, sorted.
    if (train != nullptr && !listing.class_names.empty()) info.class_names = train->info().class_names;
    info.classes = static_cast<int64_t>(info.class_names.size());
    return std::make_shared<FolderDataset>(std::move(info), root, subfolder.empty() ? "" : subfolder + "/",
                                           std::move(listing));
}

}  // namespace

FolderDataset::FolderDataset(DatasetInfo info, std::string root, std::string prefix, FolderListing listing)
    : info_(std::move(info)), root_(std::move(root)), prefix_(std::move(prefix)), listing_(std::move(listing)) {
    for (const std::string& name : listing_.class_names) {
        const auto at = std::find(info_.class_names.begin(), info_.class_names.end(), name);
        check(at != info_.class_names.end(),
              "{}/{} is a class that the training part lacks: it has {} classes, expected a folder of that name there",
              root_, name, info_.class_names.size());
        label_of_class_.push_back(at - info_.class_names.begin());
    }
}

Image FolderDataset::load(int64_t i) const {
    const std::string file = root_ + "/" + std::string(listing_.path(i));
    return decode_image(read_file(file), file);
}

ScaledImage FolderDataset::load_scaled(int64_t i, const ScaleChooser& choose) const {
    const std::string file = root_ + "/" + std::string(listing_.path(i));
    return decode_scaled(read_file(file), file, choose);
}

int64_t FolderDataset::label(int64_t i) const {
    const int64_t listed = listing_.label(i);
    return listed < 0 ? -1 : label_of_class_[static_cast<size_t>(listed)];
}

std::string FolderDataset::path(int64_t i) const {
    return prefix_ + std::string(listing_.path(i));
}

Splits open_folder(const std::string& folder, const ListingOptions& options) {
    std::error_code ignored;
    check(std::filesystem::is_directory(folder, ignored), "{} is no folder: expected a folder of images", folder);
    const auto has = [&](const char* name) { return std::filesystem::is_directory(folder + "/" + name, ignored); };
    if (has("train")) {
        for (const char* name : {"val", "validation", "valid", "test"}) {
            if (!has(name)) continue;
            const DatasetPtr train = open_part(folder, "train", "train", nullptr, options);
            return {train, train, open_part(folder, "test", name, train.get(), options)};
        }
    }
    const DatasetPtr all = open_part(folder, "", "", nullptr, options);
    return {all, all, nullptr};
}

}  // namespace moco
