#include "moco/study/comparison_json.h"

namespace moco {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::optional<double>& value) {
    return value ? Json(*value) : Json();
}

Json json_of(const NetworkReport& network, const std::vector<std::string>& layers) {
    Json stages = Json::array(), disturbed = Json::object();
    for (const StageReport& stage : network.stages) {
        stages.push_back({{"stage", stage.name},
                          {"channels", stage.channels},
                          {"probe_top1", or_null(stage.separability)},
                          {"effective_rank", stage.spectrum.effective_rank},
                          {"for_90_percent", stage.spectrum.for_90_percent}});
    }
    for (const DisturbedAccuracy& one : network.disturbed) disturbed[one.name] = one.top1;
    return {{"name", network.name},
            {"layers", layers},
            {"stages", stages},
            {"knn_top1", or_null(network.knn)},
            {"disturbed_knn_top1", disturbed}};
}

Json json_of(const Agreement& counts) {
    return {{"both_right", counts.both_right},
            {"only_a", counts.only_a},
            {"only_b", counts.only_b},
            {"both_wrong", counts.both_wrong},
            {"same_mistake", counts.same_mistake},
            {"kappa", counts.kappa()}};
}

Json json_of(const ErrorAgreement& errors, const std::vector<std::string>& class_names) {
    Json object = json_of(errors.all);
    object["per_class"] = Json::array();
    for (size_t c = 0; c < errors.of_class.size(); ++c) {
        Json one = {{"class", class_names.empty() ? fmt::format("{}", c) : class_names[c]}};
        one.update(json_of(errors.of_class[c]));
        object["per_class"].push_back(one);
    }
    return object;
}

Json json_of(const PairReport& pair, const Comparison& comparison) {
    Json overlaps = Json::array();
    for (const Overlap& overlap : pair.overlaps) {
        overlaps.push_back({{"k", overlap.k}, {"share", overlap.share}, {"by_chance", overlap.by_chance}});
    }
    return {{"a", comparison.networks[pair.a].name},
            {"b", comparison.networks[pair.b].name},
            {"neighbours_in_common", overlaps},
            {"errors", pair.errors ? json_of(*pair.errors, comparison.class_names) : Json()}};
}

/// A row a layer, of all networks in order.
Json json_of(const LayerSimilarity& similarity) {
    const auto layers = static_cast<std::ptrdiff_t>(similarity.first(similarity.layers.size()));
    Json rows = Json::array();
    for (auto row = similarity.cka.begin(); row != similarity.cka.end(); row += layers) {
        rows.push_back(std::vector<double>(row, row + layers));
    }
    return rows;
}

}  // namespace

Json json_of(const Comparison& comparison) {
    Json networks = Json::array(), pairs = Json::array();
    for (size_t i = 0; i < comparison.networks.size(); ++i) {
        networks.push_back(json_of(comparison.networks[i], comparison.similarity.layers[i]));
    }
    for (const PairReport& pair : comparison.pairs) pairs.push_back(json_of(pair, comparison));
    return {{"task", "compare"},
            {"data", comparison.data},
            {"part", comparison.part},
            {"images", comparison.images},
            {"bank", comparison.bank},
            {"unlabelled", comparison.unlabelled ? Json(*comparison.unlabelled) : Json()},
            {"networks", networks},
            {"pairs", pairs},
            {"minibatches", comparison.similarity.minibatches},
            {"cka", json_of(comparison.similarity)}};
}

}  // namespace moco
