// The handles and descriptors that the emulated cuBLAS and cuDNN hand out. A pointer that is none of the live ones
// (null, destroyed, or of another library) is refused, where the real libraries would crash.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

namespace moco::cuda::emulated {

/// Handles and descriptors of both libraries that were created and not destroyed.
size_t library_objects_in_use();
/// Notes that one more (1) or one less (-1) is in use.
void count_library_object(int change);

/// The live objects of one type. Thread-safe; the objects themselves are as safe as their users make them.
template <typename T>
class LiveObjects {
  public:
    T* create() {
        const std::lock_guard lock(mutex_);
        auto object = std::make_unique<T>();
        T* const pointer = object.get();
        live_.emplace(pointer, std::move(object));
        count_library_object(1);
        return pointer;
    }
    /// Whether `object` was alive.
    bool destroy(const T* object) {
        const std::lock_guard lock(mutex_);
        if (live_.erase(object) == 0) return false;
        count_library_object(-1);
        return true;
    }
    bool contains(const T* object) {
        const std::lock_guard lock(mutex_);
        return live_.contains(object);
    }

  private:
    std::mutex mutex_;
    std::map<const T*, std::unique_ptr<T>> live_;
};

/// Those of type T. Never destroyed: handles may be used until the program's last line.
template <typename T>
LiveObjects<T>& live() {
    static auto& objects = *new LiveObjects<T>;
    return objects;
}

}  // namespace moco::cuda::emulated
