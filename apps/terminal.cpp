// What there is to know about a terminal, and one line on it that is written again and again.
#include "apps/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "apps/output.h"

namespace moco::apps {

std::string clock_text(double seconds) {
    const auto total = static_cast<int64_t>(std::isfinite(seconds) ? std::max(0.0, std::round(seconds)) : 0.0);
    const int64_t hours = total / 3600, minutes = total / 60 % 60;
    if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, total % 60);
    return fmt::format("{}:{:02}", minutes, total % 60);
}

StatusLine::StatusLine(std::FILE* stream) : stream_(stream), on_terminal_(isatty(fileno(stream)) == 1) {}

StatusLine::~StatusLine() {
    clear();
}

size_t StatusLine::width() const {
    winsize size = {};
    if (ioctl(fileno(stream_), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

bool StatusLine::due() const {
    return on_terminal_ && std::chrono::steady_clock::now() - last_ > std::chrono::milliseconds(100);
}

void StatusLine::show(std::string_view text) {
    if (!on_terminal_) return;
    // One column less than there is: some terminals go to the next line after the last one.
    print_if_possible(stream_, fmt::format("\r\033[K{}", text.substr(0, width() - 1)));
    shown_ = true;
    last_ = std::chrono::steady_clock::now();
}

void StatusLine::clear() {
    if (!shown_) return;
    print_if_possible(stream_, "\r\033[K");
    shown_ = false;
}

}  // namespace moco::apps
