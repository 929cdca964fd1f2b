#include "moco/study/neighbour_overlap.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "core/error.h"

namespace moco {
namespace {

/// The first k neighbours of a query, by their place in the bank.
std::vector<int64_t> first_sorted(const Neighbours& found, int64_t query, int64_t k) {
    const auto begin = found.index.begin() + query * found.k;
    std::vector<int64_t> first(begin, begin + k);
    std::sort(first.begin(), first.end());
    return first;
}

}  // namespace

double neighbour_overlap(const Neighbours& a, const Neighbours& b, int64_t k) {
    check(k >= 1 && k <= std::min(a.k, b.k), "neighbour_overlap: k is {}, expected 1 to {}", k, std::min(a.k, b.k));
    const int64_t queries = std::ssize(a.index) / a.k;
    check(queries == std::ssize(b.index) / b.k, "neighbour_overlap: {} queries and {}, expected the same", queries,
          std::ssize(b.index) / b.k);
    int64_t common = 0;
    for (int64_t q = 0; q < queries; ++q) {
        const std::vector<int64_t> of_a = first_sorted(a, q, k), of_b = first_sorted(b, q, k);
        std::vector<int64_t> both;
        std::set_intersection(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(), std::back_inserter(both));
        common += std::ssize(both);
    }
    return static_cast<double>(common) / static_cast<double>(queries * k);
}

}  // namespace moco
