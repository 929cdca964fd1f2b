#include "apps/number_list.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/parse.h"

namespace moco::apps {
namespace {

template <typename T>
std::vector<T> numbers(const std::string& flag, const std::string& list, const char* expected) {
    std::vector<T> found;
    for (size_t begin = 0; begin <= list.size();) {
        const size_t end = std::min(list.find(',', begin), list.size());
        const std::string text = list.substr(begin, end - begin);
        const std::optional<T> number = parse_number<T>(text);
        check(number && std::isfinite(static_cast<double>(*number)), "{} {}: \"{}\" is not what was expected: {}", flag,
              list, text, expected);
        check(std::find(found.begin(), found.end(), *number) == found.end(), "{} {}: {} stands there twice", flag, list,
              text);
        found.push_back(*number);
        begin = end + 1;
    }
    return found;
}

}  // namespace

std::vector<int64_t> whole_numbers(const std::string& flag, const std::string& list) {
    return numbers<int64_t>(flag, list, "a whole number, or several with commas between them");
}

std::vector<double> real_numbers(const std::string& flag, const std::string& list) {
    return numbers<double>(flag, list, "a number, or several with commas between them");
}

}  // namespace moco::apps
