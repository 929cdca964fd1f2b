// Files that say the class of each image: --labels-from FILE.csv.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace moco {

struct LabelLine {
    std::string image, label;  // as they stand there, without quotes and blanks around them
    int64_t number = 0;        // of the line in the file, from 1
};

struct LabelFile {
    std::string path;
    std::vector<LabelLine> lines;  // in the file's order; the first may be a header
};

/// Reads a file with two fields a line: an image's path or name, and its class. They are separated by tabs, semicolons
/// or commas, whichever divides the first line in two; fields may be quoted ("" is a quote in them), lines may end with
/// CR LF, a byte order mark and empty lines are passed over. Throws Error naming file and line for anything else.
LabelFile read_label_file(const std::string& path);

}  // namespace moco
