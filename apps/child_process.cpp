#include "apps/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace moco::apps {
namespace {

/// In the child. Between fork and exec only what a signal handler may do, too: other threads of the parent may have
/// held locks. /proc/self/exe is the program as it was started, even where a build has replaced its file.
[[noreturn]] void become(char* const* arguments, int log, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);  // it was gone before we asked
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, 0);
    ::dup2(log, 1);
    ::dup2(log, 2);
    ::execv("/proc/self/exe", arguments);
    ::_exit(127);
}

ProcessEnd end_of(int status) {
    if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
    return {WEXITSTATUS(status), 0};
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, const std::filesystem::path& log) {
    std::vector<std::string> words = {program_invocation_name};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    check(file >= 0, "{} cannot be written: {}", log.string(), std::strerror(errno));
    const pid_t parent = ::getpid();
    id_ = ::fork();
    if (id_ == 0) become(pointers.data(), file, parent);
    const int error = errno;
    ::close(file);
    check(id_ > 0, "a process for `moco {}` cannot be started: {}", arguments.front(), std::strerror(error));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept : id_(std::exchange(other.id_, -1)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
}

ChildProcess::~ChildProcess() {
    if (id_ < 0) return;
    ask_to_stop();
    ::waitpid(id_, nullptr, 0);
}

void ChildProcess::ask_to_stop() const {
    if (id_ > 0) ::kill(id_, SIGTERM);
}

std::optional<ProcessEnd> ChildProcess::poll() {
    int status = 0;
    pid_t ended = 0;
    do {
        ended = ::waitpid(id_, &status, WNOHANG);
    } while (ended < 0 && errno == EINTR);
    if (ended == 0) return std::nullopt;
    id_ = -1;
    return ended > 0 ? end_of(status) : ProcessEnd{1, 0};
}

}  // namespace moco::apps
