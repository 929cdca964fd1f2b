#include "moco/data/positives.h"

#include <algorithm>
#include <map>
#include <string>

#include "core/error.h"
#include "core/random.h"

namespace moco {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// The digits of text from `begin` on, without leading zeros; moves begin behind them.
std::string_view number_at(std::string_view text, size_t& begin) {
    while (begin < text.size() && text[begin] == '0') ++begin;
    const size_t first = begin;
    while (begin < text.size() && is_digit(text[begin])) ++begin;
    return text.substr(first, begin - first);
}

/// Letter by letter, but numbers within by their size; equal ones, by all bytes.
bool read_before(std::string_view a, std::string_view b) {
    size_t i = 0, j = 0;
    while (i < a.size() && j < b.size()) {
        if (is_digit(a[i]) && is_digit(b[j])) {
            const std::string_view one = number_at(a, i), other = number_at(b, j);
            if (one.size() != other.size()) return one.size() < other.size();
            if (one != other) return one < other;
        } else {
            if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
            ++i, ++j;
        }
    }
    if ((i < a.size()) != (j < b.size())) return j < b.size();
    return a < b;
}

std::string folder_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string_view flag_of(PositiveKind kind) {
    return kind == PositiveKind::folder ? "--positive folder" : "--positive frames";
}

}  // namespace

PositiveKind positive_named(std::string_view name) {
    if (name == "instance") return PositiveKind::instance;
    if (name == "folder") return PositiveKind::folder;
    check(name == "frames", "--positive {}: expected one of instance, folder, frames", name);
    return PositiveKind::frames;
}

Positives::Positives(const Dataset& data, const PositiveOptions& options) : options_(options) {
    check(!data.names_digest().empty(), "{}: the images of {} are no files in folders; --data folder:DIR has such",
          flag_of(options.kind), data.info().name);
    std::map<std::string, std::vector<std::pair<std::string, int64_t>>> folders;
    for (int64_t i = 0; i < data.count(); ++i) {
        std::string path = data.path(i);
        folders[folder_of(path)].emplace_back(std::move(path), i);
    }
    check(options.kind == PositiveKind::frames || folders.size() > 1,
          "{}: all {} images lie in one folder, so any two of them would be a pair; expected a folder for each object",
          flag_of(options.kind), data.count());
    places_.resize(static_cast<size_t>(data.count()));
    bool pairs = false;
    for (auto& folder : folders) {
        auto& files = folder.second;
        pairs |= files.size() > 1;
        std::sort(files.begin(), files.end(),
                  [](const auto& a, const auto& b) { return read_before(a.first, b.first); });
        const int64_t begin = std::ssize(order_), end = begin + std::ssize(files);
        for (const auto& file : files) {
            places_[static_cast<size_t>(file.second)] = {static_cast<int64_t>(order_.size()), begin, end};
            order_.push_back(file.second);
        }
    }
    check(pairs, "{}: no folder of {} has two images", flag_of(options.kind), data.info().name);
}

int64_t Positives::partner(int64_t i, uint64_t seed, int64_t epoch) const {
    const Place& place = places_[static_cast<size_t>(i)];
    int64_t begin = place.begin, end = place.end;
    if (options_.kind == PositiveKind::frames) {
        begin = std::max(begin, place.position - options_.frames_apart);
        end = std::min(end, place.position + options_.frames_apart + 1);
    }
    const int64_t others = end - begin - 1;
    if (others == 0) return i;
    Random random(seed, Purpose::positive, static_cast<uint32_t>(epoch), static_cast<uint32_t>(i));
    const int64_t drawn = begin + random.below(static_cast<uint32_t>(others));
    return order_[static_cast<size_t>(drawn < place.position ? drawn : drawn + 1)];
}

}  // namespace moco
