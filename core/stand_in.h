// Files that are there in name only: links to what was never fetched, and the small texts that Git LFS and git-annex
// leave in a file's place.
#pragma once

#include <string>
#include <string_view>

namespace moco {

/// Why `path` could not be opened, from open's errno: "No such file or directory", or where its symbolic link leads.
std::string why_not_opened(const std::string& path, int error_number);

/// Throws Error naming `path` when `start`, its first bytes (64 are enough), are those of a pointer of Git LFS or
/// git-annex.
void check_no_pointer(const std::string& path, std::string_view start);

}  // namespace moco
