// The method's own numbers of one step, where the device reads them.
#pragma once

#include <cstdint>

#include "nn/device_value.h"

namespace moco {

struct MethodState {
    float m = 0;            // momentum of the key encoder
    int64_t queue_ptr = 0;  // row of the queue that the next key overwrites
};

using DeviceMethodState = DeviceValue<MethodState>;

}  // namespace moco
