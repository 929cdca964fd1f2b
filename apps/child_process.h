// Other commands of this program, as processes of their own.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace moco::apps {

/// How a process ended: by itself with a status, or by a signal.
struct ProcessEnd {
    int status = 0;
    int signal = 0;  // 0: by itself
};

/// This program, running another command. When this process ends, however it does, the child is asked to save and end
/// (SIGTERM).
class ChildProcess {
  public:
    /// Starts `moco ARGUMENTS...` with no input; what it prints is added to the file `log`. Throws Error if it cannot
    /// be started.
    ChildProcess(const std::vector<std::string>& arguments, const std::filesystem::path& log);
    ChildProcess(ChildProcess&& other) noexcept;
    ChildProcess& operator=(ChildProcess&& other) noexcept;
    /// Asks a child that still runs to end, and waits for that.
    ~ChildProcess();

    void ask_to_stop() const;
    /// How it ended; nothing while it runs.
    std::optional<ProcessEnd> poll();

  private:
    pid_t id_ = -1;  // -1: has ended, or is another object's
};

}  // namespace moco::apps
