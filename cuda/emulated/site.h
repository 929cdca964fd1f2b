// The numbered places of kernels at which threads wait for each other or name shared memory: each barrier, each
// exchange within a warp and each shared array, with its file and line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moco::cuda::emulated {

enum class SiteKind { barrier, exchange, shared };

/// One such place; a template's instances have one each, with the same file and line. Made by MOCO_CUDA_SITE only.
struct Site {
    SiteKind kind;
    const char* what;  // "__syncthreads", or the array's name
    const char* file;
    int line;
    bool registered = false;  // set when it is first reached
    bool off = false;         // barriers and exchanges: as if the line were not there
    uint64_t block = 0;       // shared arrays: the block for which `memory` was laid out
    void* memory = nullptr;
};

/// Called when a site is reached for the first time: notes it, and whether MOCO_EMULATED_SITE_OFF names it.
void register_site(Site& site);

inline Site& reached(Site& site) {
    if (!site.registered) [[unlikely]]
        register_site(site);
    return site;
}

/// A source file's path from the root of the tree on.
std::string_view short_path(std::string_view path);

/// "cuda/relu.cu:20" for messages and for switching off; the path from the root of the tree.
std::string place_of(const Site& site);

/// Barriers and exchanges reached so far, as "place what", sorted, once each.
std::vector<std::string> reached_sites();

/// Switches the barriers and exchanges at `place` off until the next call; "" switches all on.
void switch_site_off(const std::string& place);

}  // namespace moco::cuda::emulated

#define MOCO_CUDA_SITE(kind_, what_)                                                                                 \
    ([]() -> ::moco::cuda::emulated::Site& {                                                                         \
        static constinit ::moco::cuda::emulated::Site site{::moco::cuda::emulated::SiteKind::kind_, what_, __FILE__, \
                                                           __LINE__};                                                \
        return site;                                                                                                 \
    }())
