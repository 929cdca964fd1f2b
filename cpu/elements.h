// Activations in memory whose type is known only at run time: f32, or bf16 as uint16_t.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace moco::cpu {

/// The address of element i; null stays null.
inline const void* element(DType dtype, const void* elements, int64_t i) {
    if (elements == nullptr) return nullptr;
    return static_cast<const char*>(elements) + i * static_cast<int64_t>(size_of(dtype));
}
inline void* element(DType dtype, void* elements, int64_t i) {
    return const_cast<void*>(element(dtype, const_cast<const void*>(elements), i));
}

}  // namespace moco::cpu
