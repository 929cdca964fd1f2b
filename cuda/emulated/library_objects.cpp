#include "cuda/emulated/library_objects.h"

#include <atomic>

namespace moco::cuda::emulated {
namespace {

std::atomic<int> in_use{0};

}  // namespace

size_t library_objects_in_use() {
    return static_cast<size_t>(in_use.load());
}

void count_library_object(int change) {
    in_use += change;
}

}  // namespace moco::cuda::emulated
