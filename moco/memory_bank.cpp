#include "moco/memory_bank.h"

#include "core/autograd.h"
#include "core/backend.h"
#include "core/random.h"
#include "moco/random_rows.h"
#include "ops/add.h"
#include "ops/gather_rows.h"
#include "ops/l2_normalize.h"
#include "ops/scale.h"

namespace moco {

MemoryBank::MemoryBank(int64_t images, int64_t C, uint64_t seed, Backend& backend) {
    check(images >= 1 && C >= 1, "MemoryBank: {} images of C = {} features; both must be at least 1", images, C);
    entries_ = random_unit_rows(images, C, seed, Purpose::bank, backend);
}

Tensor MemoryBank::at(const Tensor& images) const {
    return gather_rows(entries_, images);
}

void MemoryBank::update(const Tensor& images, const Tensor& q) {
    const int64_t N = images.dim(0), C = entries_.dim(1);
    check(q.shape() == (Shape{N, C}), "MemoryBank: representations of shape {} for {} entries of {} features",
          q.shape(), N, C);
    const NoGrad no_gradient_to_entries;
    const Tensor moved = l2_normalize(add(scale(at(images), kMomentum), scale(q, 1 - kMomentum)));
    Backend& backend = entries_.backend();
    backend.scatter_rows(moved.data(), images.data<int64_t>(), entries_.mutable_data(), N, C);
    backend.beside_work([this] { entries_.bump_version(); });
}

std::vector<int64_t> draw_negatives(int64_t K, int64_t images, uint64_t seed, int64_t epoch, int64_t step) {
    Random random(seed, Purpose::bank, static_cast<uint32_t>(epoch), static_cast<uint32_t>(step), 1);
    std::vector<int64_t> drawn(static_cast<size_t>(K));
    for (int64_t& image : drawn) image = random.below(static_cast<uint32_t>(images));
    return drawn;
}

}  // namespace moco
