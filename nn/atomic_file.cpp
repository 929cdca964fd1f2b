#include "nn/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace moco {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr int kMostLinks = 40;  // as many as the system follows

/// The folder that holds `path`, so that its entry can be flushed.
std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// Where `path` leads through symbolic links: to be renamed into place is the file, not the link. It need not exist.
std::filesystem::path through_links(std::filesystem::path path) {
    std::error_code ignored;
    for (int links = 0; std::filesystem::is_symlink(path, ignored); ++links) {
        check(links < kMostLinks, "{} cannot be written: its symbolic links go round in a circle", path.string());
        path = folder_of(path) / std::filesystem::read_symlink(path);
    }
    return path;
}

/// A rename would put a file in the place of a device, which it must not.
void check_is_no_device(const std::filesystem::path& target) {
    std::error_code ignored;
    const std::filesystem::file_status there = std::filesystem::status(target, ignored);
    check(!std::filesystem::is_directory(there), "{} cannot be written: it is a folder", target.string());
    check(!std::filesystem::exists(there) || std::filesystem::is_regular_file(there),
          "{} cannot be written: it is no regular file but a device, a pipe or a socket; name a file", target.string());
}

/// Makes the rename survive a power cut. A file system that cannot flush folders (EINVAL on some network ones) has
/// renamed all the same.
int flush_folder(const std::filesystem::path& folder) {
    const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handle < 0) return 0;  // a folder one may write to but not list
    const int result = ::fsync(handle) == 0 || errno == EINVAL || errno == EROFS ? 0 : errno;
    ::close(handle);
    return result;
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
    check(target_.has_filename(), "'{}' cannot be written: it names no file", target_.string());
    check_is_no_device(target_);
    file_path_ = through_links(target_);
    temporary_ = file_path_;
    temporary_ += ".tmp";
    file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file_ < 0) {
        const int error_number = errno;
        fail("{} cannot be written: {} (creating {})", target_.string(), std::strerror(error_number),
             temporary_.string());
    }
}

AtomicFile::~AtomicFile() {
    if (file_ < 0) return;
    ::close(file_);
    ::unlink(temporary_.c_str());
}

void AtomicFile::fail_with(std::string_view doing, int error_number) {
    if (file_ >= 0) ::close(std::exchange(file_, -1));
    ::unlink(temporary_.c_str());
    fail("{} cannot be written: {} ({}); what was there before is unchanged", target_.string(),
         std::strerror(error_number), doing);
}

void AtomicFile::write(const void* bytes, size_t count) {
    check(file_ >= 0, "{} is already written or given up", target_.string());
    const char* begin = static_cast<const char*>(bytes);
    if (buffer_.size() + count > kBufferBytes) flush();
    if (count < kBufferBytes) {
        buffer_.append(begin, count);
    } else {
        write_through(begin, count);
    }
}

void AtomicFile::write_through(const char* begin, size_t count) {
    while (count > 0) {
        const ssize_t written = ::write(file_, begin, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail_with("writing", errno);
        begin += written;
        count -= static_cast<size_t>(written);
    }
}

void AtomicFile::overwrite(size_t at, std::string_view text) {
    check(file_ >= 0, "{} is already written or given up", target_.string());
    flush();
    while (!text.empty()) {
        const ssize_t written = ::pwrite(file_, text.data(), text.size(), static_cast<off_t>(at));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail_with("writing", errno);
        at += static_cast<size_t>(written);
        text.remove_prefix(static_cast<size_t>(written));
    }
}

void AtomicFile::flush() {
    write_through(buffer_.data(), buffer_.size());
    buffer_.clear();
}

void AtomicFile::commit() {
    check(file_ >= 0, "{} is already written or given up", target_.string());
    flush();
    if (::fsync(file_) != 0) fail_with("flushing to the disk", errno);
    if (::close(std::exchange(file_, -1)) != 0) fail_with("closing", errno);
    if (::rename(temporary_.c_str(), file_path_.c_str()) != 0) fail_with("renaming", errno);
    const int error_number = flush_folder(folder_of(file_path_));
    check(error_number == 0, "{} was written, but its folder could not be flushed to the disk: {}", target_.string(),
          std::strerror(error_number));
}

void write_file_atomically(const std::filesystem::path& target, std::string_view contents) {
    AtomicFile file(target);
    file.write(contents);
    file.commit();
}

}  // namespace moco
