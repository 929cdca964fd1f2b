// The kNN monitor: each test image is classified by its nearest neighbours among the training images' features.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace moco {

/// The protocol of the reference code's CIFAR demo: cosine similarity, weight exp(similarity / temperature), summed by
/// class.
struct KnnOptions {
    int64_t k = 200;  // neighbours; a smaller bank uses all of it
    float temperature = 0.1f;
};

/// Rows that all have a label.
struct LabelledRows {
    Tensor rows;
    std::vector<int64_t> labels;  // one a row, >= 0
};
/// The rows whose label is not -1; where there are none, `labels` is empty and `rows` of no meaning.
LabelledRows labelled_rows(const Tensor& rows, const std::vector<int64_t>& labels);

/// The k most similar rows of the bank for each query, in descending order of similarity.
struct Neighbours {
    int64_t k = 0;
    std::vector<float> similarity;  // queries x k
    std::vector<int64_t> index;     // queries x k, rows of the bank
};
/// bank: B x d, queries: n x d, both with L2-normalised rows on one backend. Never holds n x B scores at once.
Neighbours nearest_neighbours(const Tensor& bank, const Tensor& queries, int64_t k);

/// The k most similar of two searches for the same queries; of equals those of `a` first.
Neighbours merged(const Neighbours& a, const Neighbours& b, int64_t k);

/// What is left of the neighbours of queries that are rows of the bank themselves, query i being row first + i: all but
/// the query, and one fewer of them; where the query is not among its own neighbours (k rows are equal to it), all but
/// the last. found.k >= 2.
Neighbours without_themselves(const Neighbours& found, int64_t first);

/// The weights with which the neighbours of one query vote, summed by class into `votes` (one a class; relative to the
/// nearest neighbour's, which is 1). Of more than options.k neighbours the nearest vote.
void knn_votes(const Neighbours& neighbours, size_t query, const std::vector<int64_t>& bank_labels,
               const KnnOptions& options, std::vector<double>& votes);

/// The class each query's neighbours vote for, at any temperature above 0. bank_labels: one a row, >= 0.
std::vector<int64_t> knn_predict(const Neighbours& neighbours, const std::vector<int64_t>& bank_labels, int64_t classes,
                                 const KnnOptions& options);

/// Percent of the queries whose prediction is right. bank, queries: as nearest_neighbours takes them; rows with label
/// -1 are left out.
double knn_accuracy(const Tensor& bank, const std::vector<int64_t>& bank_labels, const Tensor& queries,
                    const std::vector<int64_t>& query_labels, int64_t classes, const KnnOptions& options = {});

}  // namespace moco
