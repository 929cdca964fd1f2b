#include "cuda/emulated/leaks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string_view>

#include "cuda/emulated/library_objects.h"
#include "cuda/emulated/memory.h"
#include "cuda/emulated/site.h"
#include "cuda/emulated/stream.h"

namespace moco::cuda::emulated {
namespace {

constexpr int kLeakStatus = 23;

void write_sites() {
    const char* path = std::getenv("MOCO_EMULATED_SITES");
    if (!path) return;
    std::ofstream file(path, std::ios::app);
    for (const std::string& site : reached_sites()) file << site << '\n';
}

void at_exit() {
    write_sites();
    const MemoryUse use = memory_in_use();
    const size_t streams = streams_in_use(), events = events_in_use(), objects = library_objects_in_use();
    if (!use.allocations && !use.pinned && !streams && !events && !objects) return;
    report(
        fmt::format("leaked at exit: {} device allocations ({} bytes), {} pinned, {} streams, {} events, "
                    "{} handles and descriptors of cuBLAS and cuDNN",
                    use.allocations, use.bytes, use.pinned, streams, events, objects));
    const char* leaks = std::getenv("MOCO_EMULATED_LEAKS");
    if (leaks && std::string_view(leaks) == "fail") {
        std::fflush(nullptr);
        _exit(kLeakStatus);
    }
}

}  // namespace

void report_leaks_at_exit() {
    static std::once_flag once;
    std::call_once(once, [] { std::atexit(at_exit); });
}

}  // namespace moco::cuda::emulated
