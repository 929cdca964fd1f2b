// What the address sanitizer must be told about memory and stacks handled by hand; nothing in other builds.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define MOCO_EMULATED_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOCO_EMULATED_ASAN 1
#endif
#endif

#ifdef MOCO_EMULATED_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace moco::cuda::emulated {

#ifdef MOCO_EMULATED_ASAN

inline constexpr bool kAddressSanitizer = true;

inline void poison(const void* memory, size_t bytes) {
    __asan_poison_memory_region(memory, bytes);
}
inline void unpoison(const void* memory, size_t bytes) {
    __asan_unpoison_memory_region(memory, bytes);
}
inline void start_switch(void** save, const void* stack, size_t bytes) {
    __sanitizer_start_switch_fiber(save, stack, bytes);
}
inline void finish_switch(void* saved, const void** stack, size_t* bytes) {
    __sanitizer_finish_switch_fiber(saved, stack, bytes);
}

#else

inline constexpr bool kAddressSanitizer = false;

inline void poison(const void*, size_t) {}
inline void unpoison(const void*, size_t) {}
inline void start_switch(void**, const void*, size_t) {}
inline void finish_switch(void*, const void**, size_t*) {}

#endif

}  // namespace moco::cuda::emulated
