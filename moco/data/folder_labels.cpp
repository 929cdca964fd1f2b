#include "moco/data/folder_labels.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/error.h"

namespace moco {
namespace {

struct Place {
    size_t part = 0;
    int64_t image = 0;
    bool operator==(const Place&) const = default;
};

/// Images by a name that several may share; two of them are enough to say so.
using PlacesByName = std::unordered_map<std::string_view, std::vector<Place>>;

std::string_view name_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

std::string_view stem_of(std::string_view path) {
    const std::string_view name = name_of(path);
    return name.substr(0, name.rfind('.'));
}

/// Finds the image that a line names.
class Finder {
  public:
    Finder(const LabelFile& file, const std::string& folder, std::span<const NamedPart> parts)
        : file_(file), folder_(folder), parts_(parts), by_path_(by([](std::string_view path) { return path; })) {}

    std::optional<Place> find(const LabelLine& line) {
        const std::string name = without_folder(line.image);
        for (size_t part = 0; part < parts_.size(); ++part) {
            const std::string& prefix = parts_[part].prefix;
            if (prefix.empty() || !name.starts_with(prefix)) continue;
            for (const Place& place : found(by_path_, std::string_view(name).substr(prefix.size()))) {
                if (place.part == part) return place;
            }
        }
        if (const auto place = the_one(found(by_path_, name), line)) return place;
        if (name.find('/') != std::string::npos) return std::nullopt;
        if (by_name_.empty()) by_name_ = by(name_of);
        if (const auto place = the_one(found(by_name_, name), line)) return place;
        if (by_stem_.empty()) by_stem_ = by(stem_of);
        return the_one(found(by_stem_, name), line);
    }

    std::string path_of(const Place& place) const {
        return parts_[place.part].prefix + std::string(parts_[place.part].listing->path(place.image));
    }

  private:
    template <typename Key>
    PlacesByName by(const Key& key) const {
        PlacesByName places;
        for (size_t part = 0; part < parts_.size(); ++part) {
            const FolderListing& listing = *parts_[part].listing;
            for (int64_t i = 0; i < listing.count(); ++i) {
                std::vector<Place>& same = places[key(listing.path(i))];
                if (same.size() < 2) same.push_back({part, i});
            }
        }
        return places;
    }

    static std::span<const Place> found(const PlacesByName& places, std::string_view name) {
        const auto at = places.find(name);
        return at == places.end() ? std::span<const Place>() : std::span<const Place>(at->second);
    }

    std::optional<Place> the_one(std::span<const Place> places, const LabelLine& line) const {
        if (places.empty()) return std::nullopt;
        check(places.size() == 1,
              "{}, line {}: '{}' may be {} or {} of {}: expected a path that only one image has, such as the first",
              file_.path, line.number, line.image, path_of(places.front()), path_of(places.back()), folder_);
        return places.front();
    }

    /// Backslashes are slashes, where there are no slashes; "./" and the folder's own path in front say nothing.
    std::string without_folder(std::string name) const {
        if (name.find('/') == std::string::npos) std::replace(name.begin(), name.end(), '\\', '/');
        if (name.starts_with("./")) name.erase(0, 2);
        const std::string beginning = folder_.ends_with('/') ? folder_ : folder_ + "/";
        if (name.starts_with(beginning)) name.erase(0, beginning.size());
        return name;
    }

    const LabelFile& file_;
    const std::string& folder_;
    std::span<const NamedPart> parts_;
    PlacesByName by_path_, by_name_, by_stem_;
};

/// So many, the first of them named.
class Count {
  public:
    void add(const std::string& what) {
        if (++count_ == 1) first_ = what;
    }
    int64_t count() const { return count_; }
    /// "1 image without a line (a.jpg)", "3 images without a line, such as a.jpg".
    std::string text(std::string_view one, std::string_view many) const {
        return count_ == 1 ? fmt::format("1 {} ({})", one, first_)
                           : fmt::format("{} {}, such as {}", count_, many, first_);
    }

  private:
    int64_t count_ = 0;
    std::string first_;
};

/// Brings lines and images together.
class Assignment {
  public:
    Assignment(const LabelFile& file, const std::string& folder, std::span<const NamedPart> parts)
        : file_(file), folder_(folder), parts_(parts), finder_(file, folder, parts) {
        for (const NamedPart& part : parts) line_of_.emplace_back(static_cast<size_t>(part.listing->count()), kNone);
        for (size_t i = 0; i < file.lines.size(); ++i) assign(i);
    }

    LabelsOfParts labels(const std::vector<std::string>& known) {
        check_that_images_were_found();
        LabelsOfParts result;
        result.class_names = known.empty() ? classes_of_lines() : known;
        check(!known.empty() || result.class_names.size() > 1,
              "{}: all images that it names are of one class, '{}': expected at least two classes", file_.path,
              result.class_names[0]);
        for (const std::vector<size_t>& lines : line_of_) {
            std::vector<int64_t>& labels = result.of_part.emplace_back();
            for (const size_t line : lines) labels.push_back(label_of(line, result.class_names));
        }
        if (unknown_.count() > 0) {
            const std::string where = names_of_parts();
            add_note(result, unknown_.text("line names no image" + where, "lines name no image" + where));
        }
        if (repeated_.count() > 0) add_note(result, repeated_.text("line repeats another", "lines repeat others"));
        for (size_t part = 0; part < parts_.size(); ++part) note_gaps(result, part);
        return result;
    }

  private:
    static constexpr size_t kNone = ~size_t{0};

    void assign(size_t i) {
        const LabelLine& line = file_.lines[i];
        const std::optional<Place> place = finder_.find(line);
        if (!place) {
            if (i > 0 || !is_header()) unknown_.add(fmt::format("line {}: {}", line.number, line.image));
            return;
        }
        size_t& known = line_of_[place->part][static_cast<size_t>(place->image)];
        if (known == kNone) {
            known = i;
            return;
        }
        const LabelLine& other = file_.lines[known];
        check(other.label == line.label,
              "{}: line {} says that {} is '{}', line {} that it is '{}': expected one class for an image", file_.path,
              other.number, finder_.path_of(*place), other.label, line.number, line.label);
        repeated_.add(fmt::format("line {}: {}", line.number, line.image));
    }

    bool is_header() const {
        return std::none_of(file_.lines.begin() + 1, file_.lines.end(),
                            [&](const LabelLine& line) { return line.label == file_.lines[0].label; });
    }

    void check_that_images_were_found() const {
        for (const std::vector<size_t>& lines : line_of_) {
            if (std::any_of(lines.begin(), lines.end(), [](size_t line) { return line != kNone; })) return;
        }
        const LabelLine& last = file_.lines.back();
        fail(
            "{}: none of its {} lines names an image of {} (line {}: '{}'; an image there: {}): expected paths from "
            "that folder on, or names of files",
            file_.path, file_.lines.size(), folder_, last.number, last.image, finder_.path_of({0, 0}));
    }

    std::vector<std::string> classes_of_lines() const {
        std::set<std::string> classes;
        for (const std::vector<size_t>& lines : line_of_) {
            for (const size_t line : lines) {
                if (line != kNone) classes.insert(file_.lines[line].label);
            }
        }
        return {classes.begin(), classes.end()};
    }

    int64_t label_of(size_t line, const std::vector<std::string>& classes) const {
        if (line == kNone) return -1;
        const auto at = std::lower_bound(classes.begin(), classes.end(), file_.lines[line].label);
        check(at != classes.end() && *at == file_.lines[line].label,
              "{}, line {}: the class '{}' is not one of the {} of the training part: expected the name of a class "
              "folder there, such as {}",
              file_.path, file_.lines[line].number, file_.lines[line].label, classes.size(), classes[0]);
        return at - classes.begin();
    }

    /// " in train/ or val/".
    std::string names_of_parts() const {
        std::string text;
        for (const NamedPart& part : parts_) {
            if (!part.prefix.empty()) text += (text.empty() ? " in " : " or ") + part.prefix;
        }
        return text;
    }

    void note_gaps(LabelsOfParts& result, size_t part) const {
        Count without_line, without_images;
        std::vector<bool> has_images(result.class_names.size());
        const std::vector<int64_t>& labels = result.of_part[part];
        for (size_t i = 0; i < labels.size(); ++i) {
            if (labels[i] < 0) {
                without_line.add(finder_.path_of({part, static_cast<int64_t>(i)}));
            } else {
                has_images[static_cast<size_t>(labels[i])] = true;
            }
        }
        const std::string& prefix = parts_[part].prefix;
        const std::string where = prefix.empty() ? "" : " in " + prefix;
        if (without_line.count() > 0) {
            add_note(result, without_line.text("image" + where + " has no line and no label",
                                               "images" + where + " have no line and no label"));
        }
        if (std::none_of(has_images.begin(), has_images.end(), [](bool has) { return has; })) return;
        for (size_t c = 0; c < has_images.size(); ++c) {
            if (!has_images[c]) without_images.add(result.class_names[c]);
        }
        if (without_images.count() > 0) {
            add_note(result, without_images.text("class has no images" + where, "classes have no images" + where));
        }
    }

    void add_note(LabelsOfParts& result, const std::string& sentence) const {
        result.notes.push_back(file_.path + ": " + sentence);
    }

    const LabelFile& file_;
    const std::string& folder_;
    std::span<const NamedPart> parts_;
    Finder finder_;
    std::vector<std::vector<size_t>> line_of_;  // of each image of each part, or kNone
    Count unknown_, repeated_;
};

}  // namespace

LabelsOfParts labels_of_parts(const LabelFile& file, const std::string& folder, std::span<const NamedPart> parts,
                              const std::vector<std::string>& known) {
    return Assignment(file, folder, parts).labels(known);
}

FolderListing labelled_images(const FolderListing& listing, std::vector<int64_t>& labels) {
    FolderListing kept;
    std::vector<int64_t> kept_labels;
    for (int64_t i = 0; i < listing.count(); ++i) {
        const int64_t label = labels[static_cast<size_t>(i)];
        if (label < 0) continue;
        kept.names += listing.path(i);
        kept.ends.push_back(kept.names.size());
        kept_labels.push_back(label);
    }
    labels = std::move(kept_labels);
    return kept;
}

}  // namespace moco
