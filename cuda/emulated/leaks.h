// What a program forgot to give back to the emulated device.
#pragma once

namespace moco::cuda::emulated {

/// From now on the end of the program reports what is still allocated or not destroyed. With MOCO_EMULATED_LEAKS=fail
/// the program then ends with status 23.
void report_leaks_at_exit();

}  // namespace moco::cuda::emulated
