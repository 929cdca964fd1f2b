// For every block of test images, the neighbours in every block of training images, merged.
#include "moco/eval/pixel_knn.h"

#include <numeric>
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

std::optional<KnnResults> pixel_knn_results(const Splits& data, const EvalTransform& transform,
                                            const FeatureOptions& given, const KnnPlan& plan, Backend& backend,
                                            const PixelBlocks& blocks) {
    FeatureOptions options = given;
    options.rows = FeatureRows::normalised;
    KnnTally tally(plan);
    bool whole = true;
    const auto classify = [&](const LabelledRows& queries) {
        if (queries.labels.empty()) return;
        Search search;
        whole = whole &&
                visit_pixels(data.train, transform, options, blocks.bank, backend,
                             [&](const LabelledRows& bank) { search.add(bank, queries.rows, tally.neighbours()); });
        if (!whole) return;
        check(!search.bank_labels.empty(), "{}: none of the training images has a label", data.train->info().name);
        std::vector<int64_t> indices(queries.labels.size());
        std::iota(indices.begin(), indices.end(), tally.images());
        tally.add(search.nearest, search.bank_labels, queries.labels, indices);
    };
    const bool own_part = plan.voters == KnnVoters::all_but_itself;
    const DatasetPtr& asked = own_part ? data.train : data.test;
    whole = visit_pixels(asked, transform, options, blocks.queries, backend, classify) && whole;
    if (!whole) return std::nullopt;
    check(tally.images() > 0, "{}: none of the {} images has a label", asked->info().name,
          own_part ? "training" : "test");
    return tally.results();
}

std::optional<double> pixel_knn_accuracy(const Splits& data, const EvalTransform& transform,
                                         const FeatureOptions& options, const KnnOptions& knn, Backend& backend,
                                         const PixelBlocks& blocks) {
    const KnnPlan plan = {{knn}, data.train->info().classes, KnnVoters::other_images};
    const std::optional<KnnResults> results = pixel_knn_results(data, transform, options, plan, backend, blocks);
    if (!results) return std::nullopt;
    return results->outcomes.front().scores.top1;
}

}  // namespace moco
