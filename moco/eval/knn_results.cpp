#include "moco/eval/knn_results.h"

#include <algorithm>

#include "core/autograd.h"
#include "core/error.h"

namespace moco {
namespace {

constexpr int64_t kQueries = 4096;  // at a time

const Tensor& rows_of(const Features& features, FeatureLayer layer) {
    return layer == FeatureLayer::backbone ? features.backbone : features.projection;
}

/// Where in their data set the images are that have a label.
std::vector<int64_t> labelled_indices(const Features& features) {
    std::vector<int64_t> indices;
    for (size_t i = 0; i < features.labels.size(); ++i) {
        if (features.labels[i] >= 0) indices.push_back(features.indices[i]);
    }
    return indices;
}

std::vector<int64_t> part_of(const std::vector<int64_t>& all, int64_t begin, int64_t end) {
    return {all.begin() + begin, all.begin() + end};
}

}  // namespace

KnnTally::KnnTally(const KnnPlan& plan) : plan_(plan) {
    check(!plan.votes.empty(), "kNN: there is no vote to count");
    for (const KnnOptions& vote : plan.votes) most_ = std::max(most_, vote.k);
    tallies_.assign(plan.votes.size(), ClassificationTally(plan.classes));
}

void KnnTally::add(const Neighbours& found, const std::vector<int64_t>& bank_labels, const std::vector<int64_t>& labels,
                   const std::vector<int64_t>& indices) {
    const bool themselves = plan_.voters == KnnVoters::all_but_itself;
    const Neighbours neighbours = themselves ? without_themselves(found, images_) : found;
    std::vector<double> votes(static_cast<size_t>(plan_.classes));
    for (size_t i = 0; i < labels.size(); ++i) {
        for (size_t v = 0; v < tallies_.size(); ++v) {
            knn_votes(neighbours, i, bank_labels, plan_.votes[v], votes);
            const auto best = best_classes(votes.data(), plan_.classes);
            const auto is_own = [&](const RankedClass& one) { return one.label == labels[i]; };
            const auto ahead = std::find_if(best.begin(), best.end(), is_own) - best.begin();
            // Without any vote (features that are no numbers) it is taken for the first class, and wrong.
            tallies_[v].add(labels[i], std::max<int64_t>(best[0].label, 0), ahead);
            if (v == 0) predictions_.push_back({indices[i], labels[i], best});
        }
    }
    images_ += std::ssize(labels);
}

KnnResults KnnTally::results() const {
    KnnResults results;
    for (size_t v = 0; v < tallies_.size(); ++v) results.outcomes.push_back({plan_.votes[v], tallies_[v].scores()});
    results.predictions = predictions_;
    return results;
}

KnnResults knn_results(const Features& bank, const Features& queries, FeatureLayer layer, const KnnPlan& plan) {
    const NoGrad search_takes_no_gradient;
    const LabelledRows known = labelled_rows(rows_of(bank, layer), bank.labels);
    const LabelledRows asked = &bank == &queries ? known : labelled_rows(rows_of(queries, layer), queries.labels);
    check(!known.labels.empty(), "kNN: none of the {} images that vote has a label", bank.labels.size());
    check(!asked.labels.empty(), "kNN: none of the {} images to classify has a label", queries.labels.size());
    check(plan.voters == KnnVoters::other_images || known.labels.size() >= 2,
          "kNN: one labelled image is all there is, and nothing can vote on it");
    const std::vector<int64_t> indices = labelled_indices(queries);
    KnnTally tally(plan);
    const int64_t n = std::ssize(asked.labels);
    for (int64_t begin = 0; begin < n; begin += kQueries) {
        const int64_t end = std::min(begin + kQueries, n);
        const Neighbours found = nearest_neighbours(known.rows, asked.rows.rows(begin, end), tally.neighbours());
        tally.add(found, known.labels, part_of(asked.labels, begin, end), part_of(indices, begin, end));
    }
    return tally.results();
}

}  // namespace moco
