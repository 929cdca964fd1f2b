#include "moco/study/comparison.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "moco/study/disturbance.h"
#include "moco/study/neighbour_overlap.h"
#include "moco/study/separability.h"
#include "ops/l2_normalize.h"

namespace moco {
namespace {

/// What is kept of a network for comparing it with the others.
struct Found {
    Neighbours neighbours;
    std::vector<int64_t> taken_for;  // by image; empty without labels
};

/// One comparison as it goes on.
class Work {
  public:
    Work(const Splits& data, const ComparisonOptions& options, Backend& backend)
        : data_(data), options_(options), backend_(backend), asked_(data.test != nullptr ? data.test : data.train) {
        most_ = options.knn.k;
        for (const int64_t k : options.overlaps) most_ = std::max(most_, k);
    }

    Comparison run(const std::vector<ComparedNetwork>& networks);

  private:
    bool labelled() const { return is_labelled(data_); }
    void say(const std::string& doing) const {
        if (options_.doing) options_.doing(doing);
    }
    Features features(const ComparedNetwork& one, const DatasetPtr& part, FeatureOptions options);
    LayerSimilarity similarity(const std::vector<ComparedNetwork>& networks) const;
    std::pair<NetworkReport, Found> look_at(const ComparedNetwork& one, Comparison& comparison);
    std::vector<StageReport> stages(const ComparedNetwork& one, const Features& train, const Features& asked) const;
    std::vector<DisturbedAccuracy> disturbed(const ComparedNetwork& one, const LabelledRows& bank);
    std::vector<int64_t> predict(const Neighbours& found, const LabelledRows& bank) const {
        return knn_predict(found, bank.labels, data_.train->info().classes, options_.knn);
    }
    PairReport pair(size_t a, size_t b, const std::vector<Found>& found, int64_t bank) const;

    const Splits& data_;
    const ComparisonOptions& options_;
    Backend& backend_;
    DatasetPtr asked_;                   // whose images are compared
    int64_t most_ = 0;                   // neighbours that are looked for
    std::vector<int64_t> asked_labels_;  // of the images that can be read
};

double percent_right(const std::vector<int64_t>& taken_for, const std::vector<int64_t>& labels) {
    int64_t right = 0, images = 0;
    for (size_t i = 0; i < labels.size(); ++i) {
        images += labels[i] >= 0;
        right += labels[i] >= 0 && labels[i] == taken_for[i];
    }
    check(images > 0, "none of the {} images that are compared has a label", labels.size());
    return 100.0 * static_cast<double>(right) / static_cast<double>(images);
}

std::optional<std::string> why_unlabelled(const Splits& data) {
    if (data.test == nullptr) return fmt::format("{} has no test part", data.train->info().name);
    if (!is_labelled(data)) return fmt::format("{} has no labels", data.train->info().name);
    return std::nullopt;
}

Features Work::features(const ComparedNetwork& one, const DatasetPtr& part, FeatureOptions options) {
    options.workers = options_.workers;
    options.limit = options_.limit;
    options.progress = [&](int64_t images) {
        say(fmt::format("features of {}, {} {}: {} images", one.name, part->info().name, part->info().part, images));
    };
    return extract_features(*one.f, part, one.transform, options, backend_);
}

LayerSimilarity Work::similarity(const std::vector<ComparedNetwork>& networks) const {
    SimilarityOptions options;
    options.minibatch = options_.minibatch;
    options.workers = options_.workers;
    options.limit = options_.limit;
    options.progress = [&](int64_t images) { say(fmt::format("CKA of all layers: {} images", images)); };
    return layer_similarity(networks, asked_, options, backend_);
}

std::vector<StageReport> Work::stages(const ComparedNetwork& one, const Features& train, const Features& asked) const {
    std::vector<StageReport> reports;
    for (size_t s = 0; s < asked.stages.size(); ++s) {
        const auto& [name, rows] = asked.stages[s];
        StageReport report = {name, rows.dim(1), spectrum_of(rows), std::nullopt};
        if (labelled()) {
            say(fmt::format("linear probe of {}, {}", one.name, name));
            report.separability =
                separability({train.stages[s].rows, train.labels}, {rows, asked.labels}, data_.train->info().classes);
        }
        reports.push_back(std::move(report));
    }
    return reports;
}

std::vector<DisturbedAccuracy> Work::disturbed(const ComparedNetwork& one, const LabelledRows& bank) {
    std::vector<DisturbedAccuracy> accuracies;
    for (const Disturbance disturbance : disturbances_of(asked_->info().channels)) {
        FeatureOptions options;
        options.layers = {FeatureLayer::backbone};
        options.rows = FeatureRows::normalised;
        options.change = disturbed_by(disturbance, options_.seed);
        const Features changed = features(one, asked_, options);
        const Neighbours found = nearest_neighbours(bank.rows, changed.backbone, options_.knn.k);
        accuracies.push_back({std::string(name_of(disturbance)), percent_right(predict(found, bank), changed.labels)});
    }
    return accuracies;
}

std::pair<NetworkReport, Found> Work::look_at(const ComparedNetwork& one, Comparison& comparison) {
    FeatureOptions layers;
    layers.layers = {FeatureLayer::backbone, FeatureLayer::stages};
    if (!labelled()) layers.layers = {FeatureLayer::backbone};  // nothing learns from the training part's stages
    Features train = data_.test != nullptr ? features(one, data_.train, layers) : Features();
    layers.layers = {FeatureLayer::backbone, FeatureLayer::stages};
    const Features asked = features(one, asked_, layers);
    asked_labels_ = asked.labels;
    comparison.images = asked.backbone.dim(0);
    comparison.unreadable = asked.unreadable;

    NetworkReport report = {one.name, stages(one, train, asked), std::nullopt, {}};
    Found found;
    say(fmt::format("neighbours in {}", one.name));
    const Tensor queries = l2_normalize(asked.backbone);
    if (data_.test == nullptr) {
        comparison.bank = comparison.images - 1;
        check(comparison.bank > 0, "{}: one image is all there is", asked_->info().name);
        found.neighbours = without_themselves(nearest_neighbours(queries, queries, most_ + 1), 0);
    } else if (!labelled()) {
        comparison.bank = train.backbone.dim(0);
        found.neighbours = nearest_neighbours(l2_normalize(train.backbone), queries, most_);
    } else {
        train.stages.clear();
        const LabelledRows bank = labelled_rows(l2_normalize(train.backbone), train.labels);
        comparison.bank = bank.rows.dim(0);
        found.neighbours = nearest_neighbours(bank.rows, queries, most_);
        found.taken_for = predict(found.neighbours, bank);
        report.knn = percent_right(found.taken_for, asked.labels);
        report.disturbed = disturbed(one, bank);
    }
    return {std::move(report), std::move(found)};
}

PairReport Work::pair(size_t a, size_t b, const std::vector<Found>& found, int64_t bank) const {
    PairReport report = {a, b, {}, std::nullopt};
    for (const int64_t k : options_.overlaps) {
        if (k > bank) continue;
        report.overlaps.push_back({k, neighbour_overlap(found[a].neighbours, found[b].neighbours, k),
                                   static_cast<double>(k) / static_cast<double>(bank)});
    }
    if (labelled()) {
        report.errors =
            error_agreement(asked_labels_, found[a].taken_for, found[b].taken_for, data_.train->info().classes);
    }
    return report;
}

Comparison Work::run(const std::vector<ComparedNetwork>& networks) {
    Comparison comparison;
    const DatasetInfo& info = asked_->info();
    comparison.data = info.name;
    comparison.part = info.part.empty() ? "train" : info.part;
    comparison.class_names = info.class_names;
    comparison.unlabelled = why_unlabelled(data_);
    comparison.similarity = similarity(networks);
    std::vector<Found> found;
    for (const ComparedNetwork& one : networks) {
        auto [report, its] = look_at(one, comparison);
        comparison.networks.push_back(std::move(report));
        found.push_back(std::move(its));
    }
    for (size_t a = 0; a < networks.size(); ++a) {
        for (size_t b = a + 1; b < networks.size(); ++b) {
            comparison.pairs.push_back(pair(a, b, found, comparison.bank));
        }
    }
    return comparison;
}

}  // namespace

Comparison compare(const std::vector<ComparedNetwork>& networks, const Splits& data, const ComparisonOptions& options,
                   Backend& backend) {
    check(networks.size() >= 2, "compare: {} networks, expected at least 2", networks.size());
    return Work(data, options, backend).run(networks);
}

}  // namespace moco
