// One writer a run folder.
#pragma once

#include <filesystem>

namespace moco {

/// Holds the lock on folder/lock (F_OFD_SETLK: it ends with the process, however that ends). The file says who holds
/// it: process, host and time; it is removed with the lock. A file system without locks is written without one.
class RunLock {
  public:
    /// Throws Error naming the process that holds it.
    explicit RunLock(const std::filesystem::path& folder);
    RunLock(const RunLock&) = delete;
    RunLock& operator=(const RunLock&) = delete;
    ~RunLock();

  private:
    std::filesystem::path path_;
    int file_ = -1;
};

}  // namespace moco
