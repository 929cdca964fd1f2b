// Work of a device that was noted once and is done again and again.
#pragma once

namespace moco {

/// Keeps the memory that the work used while it was noted: nobody else gets it. What the work reads and writes besides
/// must outlive this, and so must the backend. One thread.
class Recording {
  public:
    virtual ~Recording() = default;
    /// Does the work once more, in the order of the calls; returns at once.
    virtual void replay() = 0;
};

}  // namespace moco
