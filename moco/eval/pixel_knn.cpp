// For every block of test images, the neighbours in every block of training images, merged.
#include "moco/eval/pixel_knn.h"

#include <utility>

#include "core/error.h"

namespace moco {
namespace {

/// The neighbours of some queries, among the bank's images seen so far.
struct Search {
    Neighbours nearest;  // indices count labelled images
    std::vector<int64_t> bank_labels;

    void add(const LabelledRows& block, const Tensor& queries, int64_t k) {
        if (block.labels.empty()) return;
        Neighbours found = nearest_neighbours(block.rows, queries, k);
        for (int64_t& index : found.index) index += static_cast<int64_t>(bank_labels.size());
        nearest = bank_labels.empty() ? std::move(found) : merged(nearest, found, k);
        bank_labels.insert(bank_labels.end(), block.labels.begin(), block.labels.end());
    }
};

}  // namespace

std::optional<double> pixel_knn_accuracy(const Splits& data, const EvalTransform& transform,
                                         const FeatureOptions& given, const KnnOptions& knn, Backend& backend,
                                         const PixelBlocks& blocks) {
    FeatureOptions options = given;
    options.rows = FeatureRows::normalised;
    const int64_t classes = data.train->info().classes;
    int64_t right = 0, asked = 0;
    bool whole = true;
    const auto classify = [&](const LabelledRows& queries) {
        if (queries.labels.empty()) return;
        Search search;
        whole = whole && visit_pixels(data.train, transform, options, blocks.bank, backend,
                                      [&](const LabelledRows& bank) { search.add(bank, queries.rows, knn.k); });
        if (!whole) return;
        check(!search.bank_labels.empty(), "{}: none of the training images has a label", data.train->info().name);
        const std::vector<int64_t> predictions = knn_predict(search.nearest, search.bank_labels, classes, knn);
        for (size_t i = 0; i < predictions.size(); ++i) right += predictions[i] == queries.labels[i];
        asked += static_cast<int64_t>(predictions.size());
    };
    whole = visit_pixels(data.test, transform, options, blocks.queries, backend, classify) && whole;
    if (!whole) return std::nullopt;
    check(asked > 0, "{}: none of the test images has a label", data.test->info().name);
    return 100.0 * static_cast<double>(right) / static_cast<double>(asked);
}

}  // namespace moco
