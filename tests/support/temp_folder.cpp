#include "tests/support/temp_folder.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/error.h"

namespace moco::testing {

TempFolder::TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "moco-test-XXXXXX").string();
    check(mkdtemp(pattern.data()) != nullptr, "TempFolder: {} cannot be made", pattern);
    path_ = pattern;
}

TempFolder::~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string read_bytes(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    check(file.is_open(), "read_bytes: {} cannot be opened", path.string());
    return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    check(file.good(), "write_bytes: {} cannot be written", path.string());
}

}  // namespace moco::testing
