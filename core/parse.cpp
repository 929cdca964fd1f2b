// std::from_chars for doubles is missing in the standard library of clang 14 (em++ 3.1.6). strtod rounds the same, in
// the C locale, which no program of ours leaves; it takes spaces, a plus and hexadecimal numbers besides.
#include "core/parse.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <string>

namespace moco {

std::optional<double> parse_double(std::string_view text) {
    if (text.empty() || text.find_first_of(" \t\n\v\f\r+") == 0 || text.find_first_of("xX") != text.npos) return {};
    const std::string terminated(text);
    char* end = nullptr;
    errno = 0;
    const double value = std::strtod(terminated.c_str(), &end);
    const bool out_of_range = errno == ERANGE && (value == 0 || std::isinf(value));
    if (out_of_range || end != terminated.c_str() + terminated.size()) return {};
    return value;
}

}  // namespace moco
