// Counter-based randomness: Philox4x32-10 (Salmon et al., SC 2011). A stream is addressed, not advanced: what a sample
// gets depends on (seed, purpose, epoch, sample, view) alone, never on threads, workers or where a run was resumed.
// How integers, floats, normals and permutations come from the bits is written in docs/file-formats.md.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace moco {

/// What a stream is for; part of the key, so that no two uses share bits.
enum class Purpose : uint32_t {
    init = 0,
    order = 1,
    augment = 2,
    bn_shuffle = 3,
    queue = 4,
    bank = 5,
    shapes = 6,
    bench = 7,
    subset = 8,
    positive = 9
};

/// The Philox4x32-10 block function.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// One stream of random numbers. A value type; not shared between threads.
class Random {
  public:
    /// key = (low seed bits ^ high seed bits folded in, purpose); counter = (draw, view, sample or step, epoch).
    Random(uint64_t seed, Purpose purpose, uint32_t epoch = 0, uint32_t sample = 0, uint32_t view = 0);

    uint32_t bits();
    /// Uniform in [0, 1): the upper 24 bits times 2^-24.
    float uniform();
    /// Uniform in [low, high).
    float uniform(float low, float high);
    /// Uniform integer in [0, bound), bound >= 1, without modulo bias.
    uint32_t below(uint32_t bound);
    /// Standard normal (Box-Muller, in double; each pair gives two).
    float normal();
    /// A uniformly random order of 0..n-1 (Fisher-Yates from the end).
    std::vector<int64_t> permutation(int64_t n);

  private:
    std::array<uint32_t, 2> key_;
    std::array<uint32_t, 4> counter_;
    std::array<uint32_t, 4> block_{};
    int used_ = 4;
    bool has_spare_ = false;
    float spare_ = 0;
};

}  // namespace moco
