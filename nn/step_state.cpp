#include "nn/step_state.h"

#include <type_traits>

namespace moco {

static_assert(std::is_trivially_copyable_v<StepState>, "StepState travels to the device as bytes");

DeviceStepState::DeviceStepState(Backend& backend)
    : memory_(Tensor::zeros({static_cast<int64_t>(sizeof(StepState))}, DType::u8, backend)) {}

void DeviceStepState::set(const StepState& state) {
    host_ = state;
    memory_.copy_from_host(&host_);
}

const StepState* DeviceStepState::data() const {
    return reinterpret_cast<const StepState*>(memory_.data<uint8_t>());
}

}  // namespace moco
