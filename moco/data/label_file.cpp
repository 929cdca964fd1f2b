#include "moco/data/label_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/stand_in.h"

namespace moco {
namespace {

constexpr std::array kSeparators = {'\t', ';', ','};
constexpr size_t kShown = 80;  // characters of a line in an error message

std::string read_text(const std::string& path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    check(file.good(), "--labels-from {} cannot be opened ({}): expected a CSV file of images and classes", path,
          why_not_opened(path, errno));
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    check(!file.bad() && !text.empty(), "--labels-from {}: the file is empty or cannot be read", path);
    check(text.find('\0') == std::string::npos,
          "--labels-from {}: this is no text: expected a CSV file, an image's path or name and its class a line", path);
    if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
    return text;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r";
    const size_t first = text.find_first_not_of(kBlank);
    return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// Takes a text apart, line by line.
class Rows {
  public:
    Rows(std::string_view text, const std::string& path) : rest_(text), path_(path) {}

    /// The fields of the next line that is not empty; none at the end.
    std::vector<std::string> next(char separator) {
        while (!rest_.empty()) {
            number_ = next_number_;
            shown_ = rest_.substr(0, std::min(rest_.find('\n'), kShown));
            std::vector<std::string> fields;
            do fields.push_back(field(separator));
            while (!at_end_of_line());
            if (fields.size() > 1 || !fields[0].empty()) return fields;
        }
        return {};
    }
    int64_t number() const { return number_; }
    std::string_view shown() const { return trimmed(shown_); }

  private:
    /// Takes a field and what ends it.
    std::string field(char separator) {
        const size_t first = rest_.find_first_not_of(separator == '\t' ? " " : " \t");
        if (first != std::string_view::npos && rest_[first] == '"') {
            rest_.remove_prefix(first + 1);
            return quoted(separator);
        }
        const std::array<char, 2> ends = {separator, '\n'};
        const size_t end = std::min(rest_.find_first_of({ends.data(), ends.size()}), rest_.size());
        std::string value(trimmed(rest_.substr(0, end)));
        take_end(end);
        return value;
    }

    std::string quoted(char separator) {
        std::string value;
        for (;;) {
            const size_t end = rest_.find('"');
            check(end != std::string_view::npos, "{}, line {}: a quote is opened and not closed", path_, number_);
            value += take(end);
            rest_.remove_prefix(1);
            if (rest_.empty() || rest_[0] != '"') break;
            value += take(1);
        }
        const size_t end = rest_.find_first_not_of(separator == '\t' ? " \r" : " \t\r");
        const bool ends = end == std::string_view::npos || rest_[end] == separator || rest_[end] == '\n';
        check(ends, "{}, line {}: behind a field in quotes stands '{}', expected the end of the field", path_, number_,
              rest_.substr(0, std::min(rest_.find('\n'), kShown)));
        take_end(std::min(end, rest_.size()));
        return value;
    }

    /// Lines in quotes count as lines of the file.
    std::string_view take(size_t count) {
        const std::string_view taken = rest_.substr(0, count);
        for (const char c : taken) next_number_ += c == '\n' ? 1 : 0;
        rest_.remove_prefix(count);
        return taken;
    }

    void take_end(size_t at) {
        rest_.remove_prefix(at);
        ended_line_ = rest_.empty() || rest_[0] == '\n';
        if (rest_.empty()) return;
        if (ended_line_) ++next_number_;
        rest_.remove_prefix(1);
    }

    bool at_end_of_line() const { return ended_line_; }

    std::string_view rest_, shown_;
    const std::string& path_;
    int64_t number_ = 0, next_number_ = 1;
    bool ended_line_ = false;
};

/// The first line that is not empty, and its number; a field in quotes may go over several.
std::pair<std::string_view, int64_t> first_line(std::string_view text) {
    const size_t first = std::min(text.find_first_not_of(" \t\r\n"), text.size());
    const auto number = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(first), '\n');
    bool quoted = false;
    size_t end = first;
    for (; end < text.size() && (quoted || text[end] != '\n'); ++end) quoted ^= text[end] == '"';
    return {trimmed(text.substr(first, end - first)), number};
}

int64_t count_outside_quotes(std::string_view line, char wanted) {
    int64_t count = 0;
    bool quoted = false;
    for (const char c : line) {
        quoted ^= c == '"';
        count += !quoted && c == wanted ? 1 : 0;
    }
    return count;
}

/// The one that divides the first line in two.
char separator_of(const std::string& text, const std::string& path) {
    const auto [line, number] = first_line(text);
    bool divides = false;
    for (const char separator : kSeparators) {
        const int64_t count = count_outside_quotes(line, separator);
        if (count == 1) return separator;
        divides = divides || count > 1;
    }
    fail(
        "{}, line {}: '{}' {}, expected two fields with a comma, a semicolon or a tab between them: an image's path or "
        "name, and its class",
        path, number, line.substr(0, kShown), divides ? "has more than two fields" : "is not divided into fields");
}

}  // namespace

LabelFile read_label_file(const std::string& path) {
    const std::string text = read_text(path);
    const char separator = separator_of(text, path);
    LabelFile file = {path, {}};
    Rows rows(text, path);
    for (std::vector<std::string> fields = rows.next(separator); !fields.empty(); fields = rows.next(separator)) {
        check(fields.size() == 2, "{}, line {}: '{}' has {} field{}, expected two as in the first line", path,
              rows.number(), rows.shown(), fields.size(), fields.size() == 1 ? "" : "s");
        check(!fields[0].empty() && !fields[1].empty(), "{}, line {}: '{}' has an empty {}", path, rows.number(),
              rows.shown(), fields[0].empty() ? "name" : "class");
        file.lines.push_back({std::move(fields[0]), std::move(fields[1]), rows.number()});
    }
    return file;
}

}  // namespace moco
