#include "tests/support/process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "core/error.h"

namespace moco::testing {
namespace {

/// Only calls that are allowed between fork and exec.
[[noreturn]] void become(char* const* arguments, const char* folder, const char* out, const char* err) {
    const int in_file = open("/dev/null", O_RDONLY);
    const int out_file = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int err_file = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const bool ready = dup2(in_file, 0) == 0 && dup2(out_file, 1) == 1 && dup2(err_file, 2) == 2 &&
                       (*folder == '\0' || chdir(folder) == 0);
    // As on a terminal, whatever runs the tests ignores.
    for (const int signal : {SIGINT, SIGHUP, SIGUSR1, SIGTERM, SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_DFL);
    if (ready) execv(arguments[0], arguments);
    _exit(127);
}

}  // namespace

Process::Process(const std::vector<std::string>& argv, const std::string& folder) {
    std::vector<char*> arguments;
    for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    const std::string out = output_ / "out", err = output_ / "err";
    write_bytes(out, "");
    id_ = fork();
    check(id_ >= 0, "Process: fork failed");
    if (id_ == 0) become(arguments.data(), folder.c_str(), out.c_str(), err.c_str());
}

Process::~Process() {
    if (ended_) return;
    send(SIGKILL);
    reap(0);
}

void Process::send(int signal) const {
    if (!ended_) kill(id_, signal);
}

void Process::reap(int options) {
    if (ended_) return;
    pid_t result = -1;
    do result = waitpid(id_, &status_, options);
    while (result < 0 && errno == EINTR);
    ended_ = result != 0;
}

bool Process::running() {
    reap(WNOHANG);
    return !ended_;
}

ProcessResult Process::wait() {
    reap(0);
    ProcessResult result;
    if (WIFEXITED(status_)) result.exit_code = WEXITSTATUS(status_);
    if (WIFSIGNALED(status_)) result.signal = WTERMSIG(status_);
    result.out = read_bytes(output_ / "out");
    result.err = read_bytes(output_ / "err");
    return result;
}

std::string Process::out() const {
    return read_bytes(output_ / "out");
}

ProcessResult run_process(const std::vector<std::string>& argv, const std::string& folder) {
    return Process(argv, folder).wait();
}

}  // namespace moco::testing
