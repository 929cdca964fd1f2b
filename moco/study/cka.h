// Linear CKA between layers, by minibatches (Nguyen, Raghu, Kornblith: "Do Wide and Deep Networks Learn the Same
// Things?", ICLR 2021, arXiv:2010.15327, Sec. 3).
#pragma once

#include <cstdint>
#include <vector>

namespace moco {

/// A minibatch has at least so many images: with fewer the unbiased HSIC is not defined.
inline constexpr int64_t kLeastCkaImages = 4;

/// Adds up, minibatch by minibatch, the unbiased HSIC_1 (Song et al. 2012) of all pairs of L layers. With K = X X^T,
/// the n x n Gram matrix of a layer's rows, and K~ the same, U-centred (zero diagonal and zero row sums):
///     HSIC_1(K, L) = 1 / (n (n - 3)) * sum over i != j of K~_ij L~_ij.
/// The mean over minibatches does not depend on their size, so that no Gram matrix of all images is needed.
class CkaSums {
  public:
    explicit CkaSums(int64_t layers);

    /// grams: of each layer, row-major n x n, of the same n images, n >= kLeastCkaImages.
    void add(const std::vector<std::vector<float>>& grams, int64_t n);
    int64_t minibatches() const { return minibatches_; }
    /// L x L: mean HSIC_1(a, b) / sqrt(mean HSIC_1(a, a) * mean HSIC_1(b, b)). 1: the same up to rotation and scale; 0:
    /// unrelated (an estimate may lie a little below). Not a number for a layer whose rows differ by
    /// no more than f32 rounds them.
    std::vector<double> cka() const;

  private:
    int64_t layers_, minibatches_ = 0;
    std::vector<double> sums_;      // L x L
    std::vector<double> rounding_;  // L: what an HSIC_1(a, a) of rounding errors alone adds up to
};

}  // namespace moco
