// A folder of its own for a test that writes files.
#pragma once

#include <filesystem>
#include <string>

namespace moco::testing {

/// A fresh, empty folder below the system's temporary one; removed with all it holds at the end of the scope.
class TempFolder {
  public:
    TempFolder();
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder();

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

/// All bytes of a file; Error if it cannot be read.
std::string read_bytes(const std::filesystem::path& path);
/// Replaces a file by these bytes; Error if it cannot be written.
void write_bytes(const std::filesystem::path& path, const std::string& bytes);

}  // namespace moco::testing
