#include "moco/data/folder_dataset.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>
#include <optional>
#include <stdexcept>
#include <utility>

#include "core/error.h"
#include "core/stand_in.h"
#include "moco/data/decode.h"
#include "moco/data/fingerprint.h"
#include "moco/data/folder_annotations.h"
#include "moco/data/folder_labels.h"
#include "moco/data/folder_parts.h"

namespace moco {
namespace {

bool grow(std::vector<uint8_t>& buffer, size_t size) {
    try {
        buffer.resize(size);
        return true;
    } catch (const std::bad_alloc&) {
    } catch (const std::length_error&) {
    }
    return false;
}

/// The bytes of a file in memory that the thread keeps for its next file.
std::span<const uint8_t> read_file(const std::string& path) {
    thread_local std::vector<uint8_t> buffer;
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    check(file >= 0, "{} cannot be opened ({})", path, why_not_opened(path, errno));
    struct stat status = {};
    int error = fstat(file, &status) == 0 ? 0 : errno;
    const auto size = static_cast<size_t>(std::max<off_t>(status.st_size, 0));
    if (buffer.size() < size && !grow(buffer, size)) {
        close(file);
        fail("{}: not enough memory to read its {} bytes", path, size);
    }
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
    check_no_pointer(path, {reinterpret_cast<const char*>(buffer.data()), std::min<size_t>(done, 64)});
    return {buffer.data(), done};
}

/// A part of a folder, listed.
struct Part {
    std::string root, prefix;  // prefix: "val/", or ""
    FolderListing listing;
    DecodeOptions options;  // of its images
};

Part list_part(const std::string& folder, const std::string& subfolder, const ListingOptions& listing,
               const DecodeOptions& options) {
    const std::string root = subfolder.empty() ? folder : folder + "/" + subfolder;
    return {root, subfolder.empty() ? "" : subfolder + "/", list_folder(root, listing), options};
}

/// ImageNet's constants for colour, their mean for grey; for other channels, of which nothing is known, round numbers.
Normalization normalization_of(int64_t channels) {
    if (channels == 3) return kImageNetNormalization;
    if (channels == 1) return {{0.449f, 0, 0}, {0.226f, 1, 1}};
    return {{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
}

DatasetPtr make_dataset(Part part, const std::string& name, const std::vector<std::string>& class_names,
                        FolderLabels labels) {
    DatasetInfo info;
    info.name = "folder";
    info.part = name;
    info.folder = part.prefix;
    info.count = part.listing.count();
    info.channels = part.options.channels > 0 ? part.options.channels : 3;
    info.normalization = normalization_of(info.channels);
    info.class_names = class_names;
    info.classes = static_cast<int64_t>(class_names.size());
    return std::make_shared<FolderDataset>(std::move(info), part.root, part.prefix, std::move(part.listing),
                                           std::move(labels), part.options);
}

DatasetPtr training_dataset(const Part& part, const std::string& name) {
    FolderLabels labels;
    for (size_t i = 0; i < part.listing.class_names.size(); ++i) labels.of_class.push_back(static_cast<int64_t>(i));
    return make_dataset(part, name, part.listing.class_names, std::move(labels));
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// The label that each class of the test part has in the training part.
std::vector<int64_t> labels_of_classes(const Part& test, const Part& train) {
    std::vector<int64_t> labels;
    const std::vector<std::string>& classes = train.listing.class_names;
    for (const std::string& name : test.listing.class_names) {
        const auto at = std::find(classes.begin(), classes.end(), name);
        check(
            at != classes.end(),
            "{0}/{1} is a class that the training part lacks: {2}/{1} {3}, expected a folder of that name with images "
            "(classes there: {4})",
            test.root, name, train.root,
            contains(train.listing.empty_folders, name) ? "holds no images" : "is not there", classes.size());
        labels.push_back(at - classes.begin());
    }
    return labels;
}

/// Tiny-ImageNet puts unlabelled images into a folder `images`.
bool lies_flat(const Part& test, const std::vector<std::string>& classes) {
    const std::vector<std::string>& own = test.listing.class_names;
    return own.empty() || (own.size() == 1 && own[0] == "images" && !contains(classes, own[0]));
}

/// Labels are those of the training part: its class names, sorted.
DatasetPtr test_dataset(const Part& test, const Part& train) {
    const std::vector<std::string>& classes = train.listing.class_names;
    if (classes.empty()) return make_dataset(test, "test", {}, {});
    if (std::optional<std::vector<int64_t>> labels = annotated_labels(test.root, test.listing, classes)) {
        return make_dataset(test, "test", classes, {{}, std::move(*labels)});
    }
    if (lies_flat(test, classes)) return make_dataset(test, "test", {}, {});
    return make_dataset(test, "test", classes, {labels_of_classes(test, train), {}});
}

/// The images of a part that have a label (-1 is none); all of them, unlabelled, where none has.
DatasetPtr labelled_dataset(Part part, const std::string& name, const std::vector<std::string>& class_names,
                            std::vector<int64_t> labels) {
    const auto without = std::count(labels.begin(), labels.end(), -1);
    if (without == part.listing.count()) return make_dataset(std::move(part), name, {}, {});
    if (without > 0) part.listing = labelled_images(part.listing, labels);
    return make_dataset(std::move(part), name, class_names, {{}, std::move(labels)});
}

Splits splits_by_folders(const Part& train, const std::string& train_name, const std::optional<Part>& test) {
    Splits splits;
    splits.train = training_dataset(train, train_name);
    splits.pretrain = splits.train;
    if (test) splits.test = test_dataset(*test, train);
    return splits;
}

/// Where the training part has class folders and the test part none, the file is about the test part.
Splits splits_by_file(const std::string& file, const std::string& folder, const Part& train,
                      const std::string& train_name, const std::optional<Part>& test) {
    const std::vector<std::string>& folders = train.listing.class_names;
    const bool only_test = test && !folders.empty() && lies_flat(*test, folders);
    std::vector<NamedPart> parts;
    if (!only_test) parts.push_back({&train.listing, train.prefix});
    if (test) parts.push_back({&test->listing, test->prefix});
    LabelsOfParts labels =
        labels_of_parts(read_label_file(file), folder, parts, only_test ? folders : std::vector<std::string>());

    Splits splits;
    if (only_test) {
        splits.train = splits.pretrain = training_dataset(train, train_name);
    } else {
        splits.train = labelled_dataset(train, train_name, labels.class_names, labels.of_part.front());
        const bool all = splits.train->count() == train.listing.count();
        splits.pretrain = all ? splits.train : make_dataset(train, train_name, {}, {});
        if (!folders.empty()) {
            splits.notes.push_back(fmt::format("{}: the labels are its own; the {} subfolders of {} are no classes",
                                               file, folders.size(), train.root));
        }
    }
    if (test) splits.test = labelled_dataset(*test, "test", labels.class_names, std::move(labels.of_part.back()));
    for (std::string& note : labels.notes) splits.notes.push_back(std::move(note));
    return splits;
}

}  // namespace

FolderDataset::FolderDataset(DatasetInfo info, std::string root, std::string prefix, FolderListing listing,
                             FolderLabels labels, const DecodeOptions& options)
    : info_(std::move(info)),
      root_(std::move(root)),
      prefix_(std::move(prefix)),
      listing_(std::move(listing)),
      labels_(std::move(labels)),
      options_(options) {}

Image FolderDataset::load(int64_t i) const {
    const std::string file = root_ + "/" + std::string(listing_.path(i));
    return decode_image(read_file(file), file, options_);
}

ScaledImage FolderDataset::load_scaled(int64_t i, const ScaleChooser& choose) const {
    const std::string file = root_ + "/" + std::string(listing_.path(i));
    return decode_scaled(read_file(file), file, choose, options_);
}

int64_t FolderDataset::label(int64_t i) const {
    if (!labels_.of_image.empty()) return labels_.of_image[static_cast<size_t>(i)];
    return labels_.of_class.empty() ? -1 : labels_.of_class[static_cast<size_t>(listing_.label(i))];
}

std::string FolderDataset::path(int64_t i) const {
    return prefix_ + std::string(listing_.path(i));
}

std::string FolderDataset::names_digest() const {
    uint64_t digest = kNoBytes;
    for (int64_t i = 0; i < listing_.count(); ++i) {
        digest = fingerprint({"\0", 1}, fingerprint(listing_.path(i), fingerprint(prefix_, digest)));
    }
    return fmt::format("{:016x}", digest);
}

std::vector<std::string> FolderDataset::take_notes() const {
    return options_.notes ? options_.notes->take() : std::vector<std::string>();
}

Splits open_folder(const std::string& folder, const ListingOptions& listing, const DecodeOptions& given,
                   const FolderOptions& asked) {
    DecodeOptions options = given;
    options.notes = std::make_shared<DecodeNotes>();
    std::error_code ignored;
    check(std::filesystem::is_directory(folder, ignored), "{} is no folder: expected a folder of images", folder);
    const FolderParts parts = find_parts(folder, asked.test_part);
    const Part train = list_part(folder, parts.train, listing, options);
    std::optional<Part> test;
    if (!parts.test.empty()) test = list_part(folder, parts.test, listing, options);

    const std::string train_name = parts.train.empty() ? "" : "train";
    Splits splits = asked.labels_from.empty() ? splits_by_folders(train, train_name, test)
                                              : splits_by_file(asked.labels_from, folder, train, train_name, test);
    std::vector<std::string> notes;
    if (!parts.note.empty()) notes.push_back(parts.note);
    for (std::string& note : notes_of(train.listing, train.root)) notes.push_back(std::move(note));
    if (test) {
        for (std::string& note : notes_of(test->listing, test->root)) notes.push_back(std::move(note));
    }
    splits.notes.insert(splits.notes.begin(), notes.begin(), notes.end());
    return splits;
}

}  // namespace moco
