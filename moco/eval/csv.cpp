#include "moco/eval/csv.h"

#include "core/error.h"

namespace moco {

std::string csv_field(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
    std::string quoted;
    for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
    return fmt::format("\"{}\"", quoted);
}

std::string csv_class(const std::vector<std::string>& names, int64_t c) {
    return names.empty() ? fmt::format("{}", c) : csv_field(names[static_cast<size_t>(c)]);
}

}  // namespace moco
