// The dictionary as a memory bank (Wu et al., arXiv:1805.01978; the paper, figure 2 b): an entry for every image of the
// data set, its representation when it was last seen.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "nn/state.h"

namespace moco {

/// Entries of C features, unit vectors. With several ranks each holds all of it, and all update it alike. Owns its
/// memory; one thread at a time; neither copyable nor movable: a recorded step holds on to it.
class MemoryBank {
  public:
    /// An entry moves by half towards the representation of its image: entry = entry / 2 + q / 2, renormalised.
    static constexpr float kMomentum = 0.5f;

    /// Random unit rows, from Random(seed, Purpose::bank, 0, i).
    MemoryBank(int64_t images, int64_t C, uint64_t seed, Backend& backend);
    MemoryBank(const MemoryBank&) = delete;
    MemoryBank& operator=(const MemoryBank&) = delete;

    /// images x C, f32. Changes with every update.
    const Tensor& entries() const { return entries_; }
    /// The entries of some images, in that order; a copy. images: M i64 on the device, each below entries().dim(0).
    Tensor at(const Tensor& images) const;
    /// Moves the entries of `images` (N, i64) towards q (N x C, unit rows, outside the graph). Of an image that occurs
    /// several times the last one counts.
    void update(const Tensor& images, const Tensor& q);

    /// Shows `bank` (images x C).
    void visit(StateVisitor& visitor) const { visitor.tensor({"bank", entries_}); }

  private:
    Tensor entries_;
};

/// K images of a bank, whose entries are the negatives of one step: uniform, with replacement, the batch's own among
/// them. From Random(seed, Purpose::bank, epoch, step, view 1), so the same on every rank. step: within the epoch.
std::vector<int64_t> draw_negatives(int64_t K, int64_t images, uint64_t seed, int64_t epoch, int64_t step);

}  // namespace moco
