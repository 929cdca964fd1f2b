// Programs as a user runs them: started, signalled, waited for, with what they printed.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/support/temp_folder.h"

namespace moco::testing {

struct ProcessResult {
    int exit_code = -1;  // -1: ended by a signal
    int signal = 0;      // 0: ended by itself
    std::string out, err;
};

/// One running program; killed, if it still runs, at the end of the scope.
class Process {
  public:
    /// Starts argv[0] with no standard input; `folder` is its working directory ("" keeps ours). Its output goes to
    /// files until wait() reads them.
    explicit Process(const std::vector<std::string>& argv, const std::string& folder = "");
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();

    void send(int signal) const;
    bool running();
    /// Waits for its end.
    ProcessResult wait();
    /// What it has printed so far.
    std::string out() const;

  private:
    void reap(int options);

    TempFolder output_;
    pid_t id_ = -1;
    bool ended_ = false;
    int status_ = 0;
};

/// Starts and waits.
ProcessResult run_process(const std::vector<std::string>& argv, const std::string& folder = "");

}  // namespace moco::testing
