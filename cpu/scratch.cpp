#include "cpu/scratch.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <utility>

#include "core/error.h"

namespace moco::cpu {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

struct Free {
    void operator()(float* memory) const { std::free(memory); }
};

struct Block {
    std::unique_ptr<float, Free> memory;
    size_t bytes = 0;
    uint64_t job = 0;  // whose contents it has; 0: nobody's
};

size_t round_up(size_t bytes, size_t multiple) {
    return (bytes + multiple - 1) / multiple * multiple;
}

Block& block_with(ScratchUse use, int64_t count) {
    thread_local std::array<Block, static_cast<size_t>(ScratchUse::count_of_uses)> blocks;
    Block& block = blocks[static_cast<size_t>(use)];
    const size_t wanted = static_cast<size_t>(count) * sizeof(float);
    if (wanted > block.bytes) {
        const bool large = wanted >= kHugePage;
        const size_t bytes = round_up(wanted, large ? kHugePage : 4096);
        block = {};  // freed first: the old contents are nobody's
        block.memory.reset(static_cast<float*>(std::aligned_alloc(large ? kHugePage : 64, bytes)));
        check(block.memory != nullptr, "CPU kernels: no memory for {} bytes of work space; use smaller batches", bytes);
        if (large) madvise(block.memory.get(), bytes, MADV_HUGEPAGE);
        block.bytes = bytes;
    }
    return block;
}

}  // namespace

float* scratch(ScratchUse use, int64_t count) {
    Block& block = block_with(use, count);
    block.job = 0;
    return block.memory.get();
}

double* scratch_doubles(ScratchUse use, int64_t count) {
    return static_cast<double*>(static_cast<void*>(scratch(use, 2 * count)));
}

JobScratch scratch_of_job(ScratchUse use, int64_t count, uint64_t job) {
    Block& block = block_with(use, count);
    return {block.memory.get(), std::exchange(block.job, job) == job};
}

uint64_t new_job() {
    static std::atomic<uint64_t> jobs = 0;
    return ++jobs;
}

const float* zeros(int64_t count) {
    thread_local int64_t zeroed = 0;
    float* memory = scratch(ScratchUse::zeros, count);
    if (count > zeroed) {
        std::fill_n(memory, count, 0.0f);
        zeroed = count;
    }
    return memory;
}

}  // namespace moco::cpu
