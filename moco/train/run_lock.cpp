#include "moco/train/run_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>

#include "core/error.h"
#include "moco/train/run_folder.h"

namespace moco {
namespace {

/// "process 4711 on node7 since 2026-11-30T22:13:28Z".
std::string this_process() {
    char host[256] = "an unnamed host", time[32] = "";
    gethostname(host, sizeof host - 1);
    const std::time_t now = std::time(nullptr);
    std::tm utc = {};
    gmtime_r(&now, &utc);
    std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return fmt::format("process {} on {} since {}", ::getpid(), host, time);
}

/// What the holder wrote.
std::string holder_of(int file) {
    char text[512];
    const ssize_t count = ::pread(file, text, sizeof text, 0);
    const std::string line(text, count > 0 ? static_cast<size_t>(count) : 0);
    const std::string holder = line.substr(0, line.find('\n'));
    return holder.empty() ? "another process" : holder;
}

/// Whether `path` still names the file: its last holder may have removed it between our open and our lock.
bool names(const std::filesystem::path& path, int file) {
    struct stat there = {}, here = {};
    return ::stat(path.c_str(), &there) == 0 && ::fstat(file, &here) == 0 && there.st_ino == here.st_ino &&
           there.st_dev == here.st_dev;
}

/// The lock file, open and locked.
int open_locked(const std::filesystem::path& folder, const std::filesystem::path& path) {
    while (true) {
        const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (file < 0) fail("{} cannot be written: {}", path.string(), std::strerror(errno));
        struct flock whole = {};
        whole.l_type = F_WRLCK;
        whole.l_whence = SEEK_SET;
        const bool locked = ::fcntl(file, F_OFD_SETLK, &whole) == 0;
        if (!locked && (errno == EAGAIN || errno == EACCES)) {
            const std::string holder = holder_of(file);
            ::close(file);
            fail("{} is being written by a run, {}: wait for it to end, or end it, before another goes on there",
                 folder.string(), holder);
        }
        if (names(path, file)) return file;
        ::close(file);
    }
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& folder) : path_(folder / kLockFile), file_(open_locked(folder, path_)) {
    const std::string text = this_process() + '\n';
    // The text is for people; the lock holds without it.
    [[maybe_unused]] const bool told =
        ::ftruncate(file_, 0) == 0 && ::pwrite(file_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

RunLock::~RunLock() {
    ::unlink(path_.c_str());  // while it is locked: nobody else's can be removed
    ::close(file_);
}

}  // namespace moco
