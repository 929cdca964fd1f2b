#include "core/stand_in.h"

#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/error.h"

namespace moco {

std::string why_not_opened(const std::string& path, int error_number) {
    std::error_code error;
    const std::filesystem::path target = std::filesystem::read_symlink(path, error);
    if (error || std::filesystem::exists(path, error)) return std::strerror(error_number);
    const bool annex = target.string().find(".git/annex/") != std::string::npos;
    return fmt::format("a symbolic link to {}, which is not there{}", target.string(),
                       annex ? ": `git annex get` fetches it" : "");
}

void check_no_pointer(const std::string& path, std::string_view start) {
    const auto begins = [&](std::string_view text) { return start.substr(0, text.size()) == text; };
    check(!begins("version https://git-lfs."),
          "{}: a Git LFS pointer, not the file that it stands for; `git lfs pull` fetches that", path);
    check(!begins("/annex/objects/"),
          "{}: a pointer of git-annex, not the file that it stands for; `git annex get` fetches that", path);
}

}  // namespace moco
