// Fibers: stacks that one host thread switches between by hand. Each suspended thread of a block lives on one.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace moco::cuda::emulated {

/// A stack with the registers of what was suspended on it. Not moved: its address is its identity.
class Fiber {
  public:
    /// The fiber of the host thread itself: it has a stack already.
    Fiber() = default;
    /// A fiber that runs entry() when first switched to. `entry` must not return. Guard pages on both sides.
    explicit Fiber(void (*entry)());
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;
    ~Fiber();

    /// Back to its entry, whatever was suspended on it; no destructor of that runs.
    void restart();

    bool owns(const void* address) const {
        return address >= stack_ && address < static_cast<const char*>(stack_) + size_;
    }

    /// Suspends `from`, which is running, and goes on with `to`.
    friend void switch_fiber(Fiber& from, Fiber& to);
    /// As the first thing on a fiber that has been switched to: completes the switch.
    static void arrived();

  private:
    void* registers_ = nullptr;  // x86-64: the stack pointer; elsewhere a ucontext_t
    void* fake_stack_ = nullptr;
    void (*entry_)() = nullptr;
    void* stack_ = nullptr;
    size_t size_ = 0;
};

void switch_fiber(Fiber& from, Fiber& to);

}  // namespace moco::cuda::emulated
