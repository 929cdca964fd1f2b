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

/// The folder that holds `path`, so that its entry can be flushed.
std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
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

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)), temporary_(target_) {
    temporary_ += ".tmp";
    check(target_.has_filename(), "'{}' cannot be written: it names no file", target_.string());
    std::error_code ignored;
    check(!std::filesystem::is_directory(target_, ignored), "{} cannot be written: it is a folder", target_.string());
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

void AtomicFile::flush() {
    write_through(buffer_.data(), buffer_.size());
    buffer_.clear();
}

void AtomicFile::commit() {
    check(file_ >= 0, "{} is already written or given up", target_.string());
    flush();
    if (::fsync(file_) != 0) fail_with("flushing to the disk", errno);
    if (::close(std::exchange(file_, -1)) != 0) fail_with("closing", errno);
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_with("renaming", errno);
    const int error_number = flush_folder(folder_of(target_));
    check(error_number == 0, "{} was written, but its folder could not be flushed to the disk: {}", target_.string(),
          std::strerror(error_number));
}

void write_file_atomically(const std::filesystem::path& target, std::string_view contents) {
    AtomicFile file(target);
    file.write(contents);
    file.commit();
}

}  // namespace moco
