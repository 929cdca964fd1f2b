// What code compiled with -fsanitize=thread calls. In a build that links that sanitizer's own library these are its.
#include "cuda/emulated/race.h"

#if !defined(__SANITIZE_THREAD__)

#include <cstring>

using moco::cuda::emulated::Access;
using moco::cuda::emulated::check_access;
using moco::cuda::emulated::watching;

#define CALLBACK(name, bytes, access)                                                   \
    extern "C" void __tsan_##name(void* memory) {                                       \
        if (watching) check_access(memory, bytes, access, __builtin_return_address(0)); \
    }
#define CALLBACKS(bytes)                                   \
    CALLBACK(read##bytes, bytes, Access::read)             \
    CALLBACK(write##bytes, bytes, Access::write)           \
    CALLBACK(unaligned_read##bytes, bytes, Access::read)   \
    CALLBACK(unaligned_write##bytes, bytes, Access::write) \
    CALLBACK(volatile_read##bytes, bytes, Access::read)    \
    CALLBACK(volatile_write##bytes, bytes, Access::write)

CALLBACKS(1)
CALLBACKS(2)
CALLBACKS(4)
CALLBACKS(8)
CALLBACKS(16)

extern "C" {

void __tsan_init() {
    moco::cuda::emulated::watch_races();
}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void**) {}
void __tsan_vptr_update(void**, void*) {}

void __tsan_read_range(void* memory, size_t bytes) {
    if (watching) check_access(memory, bytes, Access::read, __builtin_return_address(0));
}
void __tsan_write_range(void* memory, size_t bytes) {
    if (watching) check_access(memory, bytes, Access::write, __builtin_return_address(0));
}

// Atomics of the host's own code in such a file: the plain operations.
#define ATOMICS(bits, T)                                                                        \
    T __tsan_atomic##bits##_load(const volatile T* a, int) {                                    \
        return __atomic_load_n(a, __ATOMIC_SEQ_CST);                                            \
    }                                                                                           \
    void __tsan_atomic##bits##_store(volatile T* a, T v, int) {                                 \
        __atomic_store_n(a, v, __ATOMIC_SEQ_CST);                                               \
    }                                                                                           \
    T __tsan_atomic##bits##_exchange(volatile T* a, T v, int) {                                 \
        return __atomic_exchange_n(a, v, __ATOMIC_SEQ_CST);                                     \
    }                                                                                           \
    T __tsan_atomic##bits##_fetch_add(volatile T* a, T v, int) {                                \
        return __atomic_fetch_add(a, v, __ATOMIC_SEQ_CST);                                      \
    }                                                                                           \
    T __tsan_atomic##bits##_fetch_sub(volatile T* a, T v, int) {                                \
        return __atomic_fetch_sub(a, v, __ATOMIC_SEQ_CST);                                      \
    }                                                                                           \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile T* a, T* e, T v, int, int) {     \
        return __atomic_compare_exchange_n(a, e, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
    }

ATOMICS(8, unsigned char)
ATOMICS(32, unsigned)
ATOMICS(64, unsigned long)

void __tsan_atomic_thread_fence(int) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

}  // extern "C"

#endif
