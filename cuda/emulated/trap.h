// Memory that must not be touched, touched: within a kernel a fault of that kernel, on the host a sentence and the end.
#pragma once

#include <setjmp.h>

#include <string>

namespace moco::cuda::emulated {

/// From now on such an access (and a division by 0) jumps to `target`, where sigsetjmp then returns 1 and trapped()
/// tells what happened; null: no longer. Without effect under the address sanitizer, which reports on its own.
void set_trap(sigjmp_buf* target);

/// What the last trap was, in words.
std::string trapped();

/// Makes a host thread that follows a device pointer end with a sentence. Called at the first allocation.
void watch_host();

}  // namespace moco::cuda::emulated
