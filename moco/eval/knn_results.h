// What nearest neighbours say of every image, by several votes of one search.
#pragma once

#include <cstdint>
#include <vector>

#include "moco/eval/classification.h"
#include "moco/eval/features.h"
#include "moco/eval/knn.h"
#include "moco/eval/predictions.h"

namespace moco {

/// Who votes on an image. other_images: those of another part. all_but_itself: those of its own part (leave one out).
enum class KnnVoters { other_images, all_but_itself };

struct KnnPlan {
    std::vector<KnnOptions> votes;  // at least one; the search is for the largest k
    int64_t classes = 0;
    KnnVoters voters = KnnVoters::other_images;
};

/// How good one vote is. An image is right for top-1 if its class has the most votes, of equals the first class; for
/// top-5 if it is one of the five with the most votes, and has any.
struct KnnOutcome {
    KnnOptions vote;
    ClassificationScores scores;
};

struct KnnResults {
    std::vector<KnnOutcome> outcomes;     // in the order of KnnPlan::votes
    std::vector<Prediction> predictions;  // by the first vote; probabilities are shares of the votes' weights
};

/// The outcomes of votes on images that come in several parts.
class KnnTally {
  public:
    explicit KnnTally(const KnnPlan& plan);

    /// How many neighbours have to be searched: the query itself may be one of them.
    int64_t neighbours() const { return most_ + (plan_.voters == KnnVoters::all_but_itself ? 1 : 0); }
    /// The next images, whose classes are `labels` (>= 0) and whose places in their data set are `indices`. found: of
    /// each of them neighbours() rows of the bank, or all that there are. Of all_but_itself the images come in the
    /// order of the bank's rows.
    void add(const Neighbours& found, const std::vector<int64_t>& bank_labels, const std::vector<int64_t>& labels,
             const std::vector<int64_t>& indices);
    int64_t images() const { return images_; }
    /// Of the images so far, at least one.
    KnnResults results() const;

  private:
    KnnPlan plan_;
    int64_t most_ = 0, images_ = 0;
    std::vector<ClassificationTally> tallies_;
    std::vector<Prediction> predictions_;
};

/// Classifies `queries` by `bank` in the features of `layer`, whose rows are normalised; those without a label are left
/// out. Of all_but_itself both are the same. Memory grows with a block of the queries only. Throws Error if the bank or
/// the queries have no label, or if one image is all there is.
KnnResults knn_results(const Features& bank, const Features& queries, FeatureLayer layer, const KnnPlan& plan);

}  // namespace moco
