// Similarities by blocks of queries: one matrix product and one top-k each, so that n x B scores never exist at once.
#include "moco/eval/knn.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/autograd.h"
#include "core/backend.h"
#include "ops/gather_rows.h"
#include "ops/matmul.h"

namespace moco {
namespace {

constexpr int64_t kScores = int64_t{8} << 20;  // of one block, unless that were too few queries for a good product
constexpr int64_t kLeastQueries = 64;

}  // namespace

LabelledRows labelled_rows(const Tensor& rows, const std::vector<int64_t>& labels) {
    check(static_cast<int64_t>(labels.size()) == rows.dim(0), "knn: {} labels for {} rows", labels.size(), rows.dim(0));
    LabelledRows result{rows, {}};
    std::vector<int64_t> index;
    for (size_t i = 0; i < labels.size(); ++i) {
        if (labels[i] < 0) continue;
        index.push_back(static_cast<int64_t>(i));
        result.labels.push_back(labels[i]);
    }
    if (!index.empty() && index.size() < labels.size()) {
        const int64_t n = static_cast<int64_t>(index.size());
        result.rows = gather_rows(rows, Tensor::from_host(index, {n}, rows.backend()));
    }
    return result;
}

Neighbours nearest_neighbours(const Tensor& bank, const Tensor& queries, int64_t k) {
    const int64_t B = bank.dim(0), n = queries.dim(0);
    check(bank.dim(1) == queries.dim(1), "nearest_neighbours: bank {} and queries {} have different features (rows,d)",
          bank.shape(), queries.shape());
    check(k >= 1, "nearest_neighbours: k is {}, it must be at least 1", k);
    const NoGrad search_takes_no_gradient;
    Neighbours result;
    result.k = std::min(k, B);
    result.similarity.resize(static_cast<size_t>(n * result.k));
    result.index.resize(static_cast<size_t>(n * result.k));
    const int64_t block = std::max(kLeastQueries, kScores / B);
    for (int64_t begin = 0; begin < n; begin += block) {
        const int64_t rows = std::min(block, n - begin);
        const Tensor scores = matmul(queries.rows(begin, begin + rows), bank, Transpose::yes);  // rows x B
        Tensor values = Tensor::empty({rows, result.k}, DType::f32, bank.backend());
        Tensor indices = Tensor::empty({rows, result.k}, DType::i64, bank.backend());
        bank.backend().top_k(scores.data(), values.mutable_data(), indices.mutable_data<int64_t>(), rows, B, result.k);
        values.copy_to_host(result.similarity.data() + begin * result.k);
        indices.copy_to_host(result.index.data() + begin * result.k);
    }
    return result;
}

Neighbours merged(const Neighbours& a, const Neighbours& b, int64_t k) {
    Neighbours result;
    result.k = std::min(k, a.k + b.k);
    const size_t n = a.index.size() / static_cast<size_t>(a.k);
    for (size_t i = 0; i < n; ++i) {
        size_t next_a = i * static_cast<size_t>(a.k), next_b = i * static_cast<size_t>(b.k);
        const size_t end_a = next_a + static_cast<size_t>(a.k), end_b = next_b + static_cast<size_t>(b.k);
        for (int64_t j = 0; j < result.k; ++j) {
            const bool from_a = next_b == end_b || (next_a < end_a && a.similarity[next_a] >= b.similarity[next_b]);
            const Neighbours& from = from_a ? a : b;
            const size_t place = from_a ? next_a++ : next_b++;
            result.similarity.push_back(from.similarity[place]);
            result.index.push_back(from.index[place]);
        }
    }
    return result;
}

Neighbours without_themselves(const Neighbours& found, int64_t first) {
    check(found.k >= 2, "without_themselves: {} neighbours, expected at least 2", found.k);
    Neighbours result;
    result.k = found.k - 1;
    const size_t k = static_cast<size_t>(found.k), n = found.index.size() / k;
    for (size_t i = 0; i < n; ++i) {
        const auto begin = found.index.begin() + static_cast<std::ptrdiff_t>(i * k);
        const auto own = std::find(begin, begin + (found.k - 1), first + static_cast<int64_t>(i)) - begin;
        for (size_t j = 0; j < k; ++j) {
            if (static_cast<std::ptrdiff_t>(j) == own) continue;
            result.similarity.push_back(found.similarity[i * k + j]);
            result.index.push_back(found.index[i * k + j]);
        }
    }
    return result;
}

void knn_votes(const Neighbours& neighbours, size_t query, const std::vector<int64_t>& bank_labels,
               const KnnOptions& options, std::vector<double>& votes) {
    std::fill(votes.begin(), votes.end(), 0.0);
    const size_t begin = query * static_cast<size_t>(neighbours.k);
    const size_t end = begin + static_cast<size_t>(std::min(neighbours.k, options.k));
    // Relative to the nearest neighbour's weight, which is 1: exp(similarity / T) itself overflows at small T.
    for (size_t j = begin; j < end; ++j) {
        const int64_t label = bank_labels[static_cast<size_t>(neighbours.index[j])];
        const double behind = static_cast<double>(neighbours.similarity[j]) - neighbours.similarity[begin];
        votes[static_cast<size_t>(label)] += std::exp(behind / options.temperature);
    }
}

std::vector<int64_t> knn_predict(const Neighbours& neighbours, const std::vector<int64_t>& bank_labels, int64_t classes,
                                 const KnnOptions& options) {
    std::vector<int64_t> predictions(neighbours.index.size() / static_cast<size_t>(neighbours.k));
    std::vector<double> votes(static_cast<size_t>(classes));
    for (size_t i = 0; i < predictions.size(); ++i) {
        knn_votes(neighbours, i, bank_labels, options, votes);
        predictions[i] = std::max_element(votes.begin(), votes.end()) - votes.begin();
    }
    return predictions;
}

double knn_accuracy(const Tensor& bank, const std::vector<int64_t>& bank_labels, const Tensor& queries,
                    const std::vector<int64_t>& query_labels, int64_t classes, const KnnOptions& options) {
    const NoGrad search_takes_no_gradient;
    const LabelledRows known = labelled_rows(bank, bank_labels), asked = labelled_rows(queries, query_labels);
    for (const auto& [part, all] : {std::pair{&known, &bank_labels}, {&asked, &query_labels}}) {
        check(!part->labels.empty(), "knn_accuracy: none of the {} rows has a label", all->size());
    }
    const Neighbours neighbours = nearest_neighbours(known.rows, asked.rows, options.k);
    const std::vector<int64_t> predictions = knn_predict(neighbours, known.labels, classes, options);
    int64_t right = 0;
    for (size_t i = 0; i < predictions.size(); ++i) right += predictions[i] == asked.labels[i];
    return 100.0 * static_cast<double>(right) / static_cast<double>(predictions.size());
}

}  // namespace moco
