// Fields of CSV files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moco {

/// A field of a CSV file: between quotes, quotes in it doubled, where commas, quotes or line ends would break the row;
/// else the text itself. Bytes stay as they are, UTF-8 or not.
std::string csv_field(std::string_view text);

/// The field of class c, >= 0: its name, or its number where classes have no names (`names` is empty).
std::string csv_class(const std::vector<std::string>& names, int64_t c);

}  // namespace moco
