#include "apps/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/error.h"

namespace moco::apps {
namespace {

int status = 0;
int lost_with = 0;  // errno of what print_if_possible could not print on stdout

}  // namespace

void end_with(int chosen) {
    status = chosen;
}

int exit_status() {
    return status;
}

void guard_output() {
    for (int descriptor = 0; descriptor <= 2; ++descriptor) {
        // open() takes the lowest number that is free, which is this one.
        if (::fcntl(descriptor, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", O_RDWR) < 0) return;
    }
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
}

void print_if_possible(std::FILE* stream, std::string_view text) {
    const bool printed = std::fwrite(text.data(), 1, text.size(), stream) == text.size() && std::fflush(stream) == 0;
    if (!printed && stream == stdout && lost_with == 0) lost_with = errno;
}

bool reader_is_gone(int error) {
    return error == EPIPE || error == EIO;  // of a pipe, of a terminal
}

std::string output_failure(int error) {
    return fmt::format(
        "the output could not be written to the end ({}): is the disk that it goes to full, or too small a limit set?",
        std::strerror(error));
}

void flush_output() {
    const int error = lost_with != 0             ? lost_with
                      : std::fflush(stdout) != 0 ? errno
                      : std::ferror(stdout) != 0 ? ENOSPC
                                                 : 0;
    check(error == 0 || reader_is_gone(error), "{}", output_failure(error));
}

}  // namespace moco::apps
