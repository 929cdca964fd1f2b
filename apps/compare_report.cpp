#include "apps/compare_report.h"

#include <fmt/format.h>

#include <cmath>

#include <algorithm>
#include <string>
#include <vector>

namespace moco::apps {
namespace {

constexpr int kFirst = 12, kColumn = 24;  // widths

void print_heads(const std::string& what, const std::vector<std::string>& heads) {
    fmt::print("\n{}\n  {:<{}}", what, "", kFirst);
    for (const std::string& head : heads) fmt::print("{:>{}}", head, kColumn);
    fmt::print("\n");
}

void print_row(const std::string& name, const std::vector<std::string>& cells) {
    fmt::print("  {:<{}}", name, kFirst);
    for (const std::string& cell : cells) fmt::print("{:>{}}", cell, kColumn);
    fmt::print("\n");
}

std::vector<std::string> names_of(const Comparison& comparison) {
    std::vector<std::string> names;
    for (const NetworkReport& network : comparison.networks) names.push_back(network.name);
    return names;
}

/// Against network b's layer of the same name, and which of its layers is most like it.
std::string cka_cell(const LayerSimilarity& similarity, size_t a, int64_t layer, size_t b) {
    const std::vector<std::string>& theirs = similarity.layers[b];
    const std::string& name = similarity.layers[a][static_cast<size_t>(layer)];
    const auto same = std::find(theirs.begin(), theirs.end(), name) - theirs.begin();
    int64_t best = 0;
    for (int64_t y = 1; y < std::ssize(theirs); ++y) {
        if (similarity.at(a, layer, b, y) > similarity.at(a, layer, b, best)) best = y;
    }
    const std::string own =
        same < std::ssize(theirs) ? fmt::format("{:.2f}", similarity.at(a, layer, b, same)) : std::string("-");
    return fmt::format("{}  {} {:.2f}", own, theirs[static_cast<size_t>(best)], similarity.at(a, layer, b, best));
}

void print_cka(const Comparison& comparison) {
    const LayerSimilarity& similarity = comparison.similarity;
    std::vector<std::string> heads;
    for (size_t b = 1; b < comparison.networks.size(); ++b) heads.push_back(comparison.networks[b].name);
    print_heads(fmt::format("Linear CKA of {}'s layers: with the same layer; with the one most like it",
                            comparison.networks[0].name),
                heads);
    for (int64_t layer = 0; layer < std::ssize(similarity.layers[0]); ++layer) {
        std::vector<std::string> cells;
        for (size_t b = 1; b < comparison.networks.size(); ++b) cells.push_back(cka_cell(similarity, 0, layer, b));
        print_row(similarity.layers[0][static_cast<size_t>(layer)], cells);
    }
}

std::string stage_cell(const NetworkReport& network, const std::string& name) {
    const auto is_it = [&](const StageReport& stage) { return stage.name == name; };
    const auto stage = std::find_if(network.stages.begin(), network.stages.end(), is_it);
    if (stage == network.stages.end()) return "-";
    const std::string rank = fmt::format("{:.1f} of {}", stage->spectrum.effective_rank, stage->channels);
    return stage->separability ? fmt::format("{:.2f} %  {:>12}", *stage->separability, rank) : rank;
}

void print_stages(const Comparison& comparison) {
    print_heads(comparison.unlabelled ? "Effective rank of each stage's pooled output"
                                      : "Each stage's pooled output: linear probe, effective rank",
                names_of(comparison));
    for (const StageReport& stage : comparison.networks[0].stages) {
        std::vector<std::string> cells;
        for (const NetworkReport& network : comparison.networks) cells.push_back(stage_cell(network, stage.name));
        print_row(stage.name, cells);
    }
}

void print_knn(const Comparison& comparison) {
    print_heads("kNN top-1 of the test images as they are, and under one augmentation each", names_of(comparison));
    std::vector<std::string> plain;
    for (const NetworkReport& network : comparison.networks) plain.push_back(fmt::format("{:.2f} %", *network.knn));
    print_row("as they are", plain);
    for (size_t i = 0; i < comparison.networks[0].disturbed.size(); ++i) {
        std::vector<std::string> cells;
        for (const NetworkReport& network : comparison.networks) {
            const double top1 = network.disturbed[i].top1;
            cells.push_back(fmt::format("{:.2f} % ({:+.2f})", top1, top1 - *network.knn));
        }
        print_row(comparison.networks[0].disturbed[i].name, cells);
    }
}

/// "-" where chance leaves nothing to agree on.
std::string kappa_text(const Agreement& counts) {
    const double kappa = counts.kappa();
    return std::isnan(kappa) ? "-" : fmt::format("{:.2f}", kappa);
}

void print_errors(const ErrorAgreement& errors, const std::string& a, const std::string& b,
                  const std::vector<std::string>& class_names) {
    const Agreement& all = errors.all;
    const auto percent = [&](int64_t count) {
        return 100.0 * static_cast<double>(count) / static_cast<double>(all.images());
    };
    fmt::print("  right by kNN: both {:.2f} %, only {} {:.2f} %, only {} {:.2f} %, none {:.2f} %; kappa {}\n",
               percent(all.both_right), a, percent(all.only_a), b, percent(all.only_b), percent(all.both_wrong),
               kappa_text(all));
    if (all.both_wrong > 0) {
        fmt::print("  of the {} that none has right, {:.0f} % are taken for the same class\n", all.both_wrong,
                   100.0 * static_cast<double>(all.same_mistake) / static_cast<double>(all.both_wrong));
    }
    constexpr size_t kMostClasses = 20;
    if (errors.of_class.size() > kMostClasses) return;
    fmt::print("  {:<16}{:>12}{:>12}{:>12}{:>12}{:>8}\n", "class", "both right", "only first", "only second", "none",
               "kappa");
    for (size_t c = 0; c < errors.of_class.size(); ++c) {
        const Agreement& one = errors.of_class[c];
        fmt::print("  {:<16}{:>12}{:>12}{:>12}{:>12}{:>8}\n",
                   class_names.empty() ? fmt::format("{}", c) : class_names[c], one.both_right, one.only_a, one.only_b,
                   one.both_wrong, kappa_text(one));
    }
}

void print_pair(const Comparison& comparison, const PairReport& pair) {
    const std::string &a = comparison.networks[pair.a].name, &b = comparison.networks[pair.b].name;
    fmt::print("\n{} and {}\n", a, b);
    std::string list;
    for (const Overlap& overlap : pair.overlaps) {
        list += fmt::format("{}{:.1f} % of {} (by chance {:.2f} %)", list.empty() ? "" : ", ", 100 * overlap.share,
                            overlap.k, 100 * overlap.by_chance);
    }
    if (!list.empty()) fmt::print("  nearest neighbours in common: {}\n", list);
    if (pair.errors) print_errors(*pair.errors, a, b, comparison.class_names);
}

}  // namespace

void print_text(const Comparison& comparison) {
    fmt::print("{} images of {} ({} part), neighbours among {}\n", comparison.images, comparison.data, comparison.part,
               comparison.bank);
    print_cka(comparison);
    print_stages(comparison);
    if (!comparison.unlabelled) print_knn(comparison);
    for (const PairReport& pair : comparison.pairs) print_pair(comparison, pair);
    if (comparison.unlabelled) {
        fmt::print("\nNothing is said of classes (probe, kNN, errors): {}.\n", *comparison.unlabelled);
    }
}

}  // namespace moco::apps
