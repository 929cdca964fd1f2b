// What there is to know about a terminal, and one line on it that is written again and again.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace moco::apps {

/// "4:05", "1:02:03".
std::string clock_text(double seconds);

/// One line of `stream` that is rewritten in place. Does nothing where `stream` is no terminal.
class StatusLine {
  public:
    explicit StatusLine(std::FILE* stream);
    /// Removes the line.
    ~StatusLine();
    StatusLine(const StatusLine&) = delete;
    StatusLine& operator=(const StatusLine&) = delete;

    bool on_terminal() const { return on_terminal_; }
    /// Columns of the terminal as it is now.
    size_t width() const;
    /// Whether the last text is old enough to be replaced (ten times a second is plenty).
    bool due() const;
    /// Replaces the line by `text`, cut to the terminal's width.
    void show(std::string_view text);
    void clear();

  private:
    std::FILE* stream_;
    bool on_terminal_;
    bool shown_ = false;
    std::chrono::steady_clock::time_point last_{};
};

}  // namespace moco::apps
