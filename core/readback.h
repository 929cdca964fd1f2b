// A copy from the device to the host that nobody waits for yet.
#pragma once

namespace moco {

/// Lives no longer than its backend. One thread.
class Readback {
  public:
    virtual ~Readback() = default;
    /// Whether the bytes are there.
    virtual bool ready() const = 0;
    /// The bytes, as long as this lives; waits for them.
    virtual const void* wait() = 0;
};

}  // namespace moco
