// moco knn: how well the neighbours of an image in feature space tell its class.
#include "moco/eval/knn.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "apps/commands.h"
#include "apps/evaluation.h"
#include "apps/json.h"
#include "core/error.h"
#include "moco/eval/knn_monitor.h"
#include "moco/eval/pixel_knn.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Classify the test images by their nearest neighbours among the training images.\n"
    "Weighted vote by cosine similarity (the reference code's kNN monitor): no training, no labels in the features.";

struct Flags {
    EvaluationFlags evaluation;
    KnnOptions knn;
    bool baselines = false;
    bool json = false;
};

/// One row of the table.
struct Row {
    std::string key, name;
    double accuracy = 0;
};

KnnAccuracies accuracies(Network& network, const std::vector<FeatureLayer>& layers, const Evaluation& e,
                         const KnnOptions& options) {
    const Features train = features_of(network, e.splits.train, layers, e);
    const Features test = features_of(network, e.splits.test, layers, e);
    return knn_accuracies(train, test, e.splits.train->info().classes, options);
}

void check_flags(const Flags& flags, const Evaluation& e) {
    check(flags.knn.k >= 1, "--knn-k {}: expected at least 1 neighbour", flags.knn.k);
    check(flags.knn.temperature > 0, "--knn-t {}: expected a temperature above 0", flags.knn.temperature);
    check_labelled(e.splits, flags.evaluation.data.spec, "the kNN accuracy");
}

std::vector<Row> measure(const Flags& flags, const Evaluation& e) {
    std::vector<Row> rows;
    if (flags.baselines) {
        rows.push_back(
            {"pixels", "raw pixels", *pixel_knn_accuracy(e.splits, e.transform, e.options, flags.knn, *e.backend)});
        Network untrained(e.network->config(), e.seed, *e.backend);
        rows.push_back(
            {"untrained", "untrained network", accuracies(untrained, {FeatureLayer::backbone}, e, flags.knn).backbone});
    }
    std::vector<FeatureLayer> layers = {FeatureLayer::backbone};
    if (e.network->config().head != Head::none) layers.push_back(FeatureLayer::projection);
    const KnnAccuracies trained = accuracies(*e.network, layers, e, flags.knn);
    rows.push_back({"backbone", "backbone features", trained.backbone});
    if (trained.projection) rows.push_back({"projection", "projection (the head's output)", *trained.projection});
    return rows;
}

void run_knn(const Flags& flags) {
    Evaluation e = open_evaluation(flags.evaluation);
    e.options.rows = FeatureRows::normalised;
    check_flags(flags, e);
    const std::vector<Row> rows = measure(flags, e);
    if (flags.json) {
        nlohmann::ordered_json object;
        for (const Row& row : rows) object[row.key] = row.accuracy;
        return print_json(object);
    }
    const auto limited = [&](const DatasetPtr& data) {
        return flags.evaluation.limit > 0 ? std::min(flags.evaluation.limit, data->count()) : data->count();
    };
    fmt::print("kNN accuracy on {} (k {}, T {:g}; {} images vote on {})\n", e.splits.train->info().name, flags.knn.k,
               flags.knn.temperature, limited(e.splits.train), limited(e.splits.test));
    for (const Row& row : rows) fmt::print("  {:<32}{:6.2f} %\n", row.name, row.accuracy);
}

}  // namespace

void add_knn(const Command& app) {
    const Command command = app.subcommand("knn", kDescription);
    auto flags = std::make_shared<Flags>();
    flags->evaluation.add_to(command);
    command.option("--knn-k", flags->knn.k, "neighbours that vote").takes("N");
    command.option("--knn-t", flags->knn.temperature, "temperature T of their weights exp(similarity / T)").takes("X");
    command.flag("--baselines", flags->baselines,
                 "measure raw pixels and the untrained network too: what the features have to beat");
    add_json_flag(command, flags->json);
    command.runs([flags] { run_knn(*flags); });
}

}  // namespace moco::apps
