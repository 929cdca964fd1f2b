// moco knn: how well the neighbours of an image in feature space tell its class.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "apps/commands.h"
#include "apps/evaluation.h"
#include "apps/json.h"
#include "apps/knn_report.h"
#include "apps/number_list.h"
#include "apps/output.h"
#include "core/error.h"
#include "moco/eval/pixel_knn.h"
#include "moco/tasks/results.h"
#include "moco/train/checkpoint.h"
#include "moco/train/run_folder.h"
#include "moco/train/throughput.h"

namespace moco::apps {
namespace {

constexpr const char* kName = "knn";
constexpr const char* kDescription =
    "Classify the test images by their nearest neighbours among the training images.\n"
    "Weighted vote by cosine similarity (the reference code's kNN monitor): no training, no labels in the features.\n"
    "Results (each image's five likeliest classes, the confusion matrix as a table and as a picture) go to --out.";

struct Flags {
    EvaluationFlags evaluation;
    std::string ks = "200", temperatures = "0.1", baseline, out;
    bool baselines = false, leave_one_out = false, json = false;
};

struct Labels {
    int64_t images = 0, labelled = 0;
    size_t classes = 0;  // that occur
};

Labels labels_of(const Flags& flags, const DatasetPtr& part) {
    Labels labels;
    const int64_t limit = flags.evaluation.limit;
    labels.images = limit > 0 ? std::min(limit, part->count()) : part->count();
    std::set<int64_t> classes;
    for (int64_t i = 0; i < labels.images; ++i) {
        const int64_t label = part->label(i);
        if (label < 0) continue;
        ++labels.labelled;
        classes.insert(label);
    }
    labels.classes = classes.size();
    return labels;
}

/// Throws Error where none of these images has a label; says on stderr how many have none.
void check_some_labelled(const Flags& flags, const Labels& labels, const char* part) {
    check(labels.labelled > 0, "--data {}: none of the {} {} images has a label, which kNN needs",
          flags.evaluation.data.spec, labels.images, part);
    if (labels.labelled == labels.images) return;
    print_if_possible(stderr, fmt::format("{} of the {} {} images have no label and are left out\n",
                                          labels.images - labels.labelled, labels.images, part));
}

void check_baseline(const Flags& flags) {
    check(flags.baseline.empty() || flags.baseline == "random",
          "--baseline {}: there is no such baseline; expected random, an untrained network", flags.baseline);
}

void check_parts(const Flags& flags, const Splits& splits) {
    if (!flags.leave_one_out) return check_labelled(splits, flags.evaluation.data.spec, "the kNN accuracy");
    check(splits.train->info().classes > 0, "--data {} has no labels, which --leave-one-out needs",
          flags.evaluation.data.spec);
}

/// k and T as they were given.
void read_votes(const Flags& flags, KnnReport& report) {
    report.ks = whole_numbers("--knn-k", flags.ks);
    report.temperatures = real_numbers("--knn-t", flags.temperatures);
    for (const int64_t k : report.ks) check(k >= 1, "--knn-k {}: expected at least 1 neighbour", flags.ks);
    for (const double t : report.temperatures) {
        const auto f32 = static_cast<float>(t);
        check(f32 > 0 && std::isfinite(f32), "--knn-t {}: expected a temperature above 0", flags.temperatures);
    }
}

/// A single k larger than what can vote asks for all of them; in a list it would be the same column twice.
void check_enough_vote(const Flags& flags, const KnnReport& report, int64_t voters) {
    const int64_t most = *std::max_element(report.ks.begin(), report.ks.end());
    if (most <= voters) return;
    check(report.ks.size() == 1, "--knn-k {}: {} is more than the {} training images that can vote", flags.ks, most,
          voters);
    print_if_possible(stderr,
                      fmt::format("--knn-k {}: only {} training images can vote, and all of them do\n", most, voters));
}

/// What flags and data ask for, but for the rows. Throws Error, before any feature is made, where that cannot be done.
KnnReport checked(const Flags& flags, const Evaluation& e) {
    KnnReport report;
    report.data = e.splits.train->info().name;
    report.voters = flags.leave_one_out ? KnnVoters::all_but_itself : KnnVoters::other_images;
    read_votes(flags, report);
    check_baseline(flags);
    check_parts(flags, e.splits);
    const Labels bank = labels_of(flags, e.splits.train);
    check_some_labelled(flags, bank, "training");
    check(bank.classes >= 2, "--data {}: all {} labelled training images{} are of one class: expected at least two",
          flags.evaluation.data.spec, bank.labelled,
          flags.evaluation.limit > 0 ? fmt::format(" within --limit {}", flags.evaluation.limit) : "");
    check_enough_vote(flags, report, bank.labelled - (flags.leave_one_out ? 1 : 0));
    report.voting = report.asked = bank.images;
    if (flags.leave_one_out) return report;
    const Labels asked = labels_of(flags, e.splits.test);
    check_some_labelled(flags, asked, "test");
    report.asked = asked.images;
    return report;
}

/// A layer, and what its row is called.
struct NamedLayer {
    FeatureLayer layer;
    std::string key, name;
};

/// Adds a row for each of the layers.
void measure_network(Network& network, const std::vector<NamedLayer>& named, const Evaluation& e, const KnnPlan& plan,
                     std::vector<KnnRow>& rows) {
    std::vector<FeatureLayer> layers;
    for (const NamedLayer& one : named) layers.push_back(one.layer);
    const Features bank = features_of(network, e.splits.train, layers, e);
    const bool own_part = plan.voters == KnnVoters::all_but_itself;
    const Features asked = own_part ? Features() : features_of(network, e.splits.test, layers, e);
    for (const NamedLayer& one : named) {
        rows.push_back({one.key, one.name, knn_results(bank, own_part ? bank : asked, one.layer, plan)});
    }
}

KnnPlan plan_of(const KnnReport& report, const Evaluation& e) {
    KnnPlan plan;
    plan.classes = e.splits.train->info().classes;
    plan.voters = report.voters;
    for (const int64_t k : report.ks) {
        for (const double t : report.temperatures) plan.votes.push_back({k, static_cast<float>(t)});
    }
    return plan;
}

void measure_baselines(const Flags& flags, const Evaluation& e, const KnnPlan& plan, std::vector<KnnRow>& rows) {
    if (flags.baselines) {
        rows.push_back(
            {"pixels", "raw pixels", *pixel_knn_results(e.splits, e.transform, e.options, plan, *e.backend)});
    }
    if (!flags.baselines && flags.baseline.empty()) return;
    std::vector<NamedLayer> layers = {{FeatureLayer::backbone, "untrained", "untrained network"}};
    if (!flags.baseline.empty() && e.network->config().head != Head::none) {
        layers.push_back({FeatureLayer::projection, "untrained_projection", "untrained projection"});
    }
    Network untrained(e.network->config(), e.seed, *e.backend);
    measure_network(untrained, layers, e, plan, rows);
}

void measure(const Flags& flags, const Evaluation& e, KnnReport& report) {
    const KnnPlan plan = plan_of(report, e);
    measure_baselines(flags, e, plan, report.rows);
    report.main = report.rows.size();
    std::vector<NamedLayer> layers = {{FeatureLayer::backbone, "backbone", "backbone features"}};
    if (e.network->config().head != Head::none) {
        layers.push_back({FeatureLayer::projection, "projection", "projection (the head's output)"});
    }
    measure_network(*e.network, layers, e, plan, report.rows);
}

/// Where results go: --out, else RUN/eval/knn of the run that the checkpoint lies in, else nowhere.
std::optional<std::filesystem::path> results_folder(const Flags& flags) {
    if (!flags.out.empty()) return flags.out;
    const std::filesystem::path run = checkpoint_file(flags.evaluation.checkpoint).parent_path();
    if (!std::filesystem::is_regular_file(run / kConfigFile)) return std::nullopt;
    return run / kEvaluations / kName;
}

void write_report(const Flags& flags, const Evaluation& e, const KnnReport& report, double seconds) {
    const std::filesystem::path file = checkpoint_file(flags.evaluation.checkpoint);
    const CheckpointInfo info = read_checkpoint_info(file);
    const KnnResults& results = report.rows[report.main].results;
    const DatasetPtr& asked = flags.leave_one_out ? e.splits.train : e.splits.test;
    ResultsOrigin origin = {kName, report.data, file.filename().string(), info.epoch, info.step, seconds};
    origin.part = flags.leave_one_out ? "train" : "test";
    origin.votes = votes_of(report);
    write_results(*report.folder, origin, results.outcomes.front().scores, results.predictions, *asked);
}

/// The run's folder need not be writable: then that is said. --out must be.
void leave_results(const Flags& flags, const Evaluation& e, KnnReport& report, double seconds) {
    report.folder = results_folder(flags);
    if (!report.folder) return;
    try {
        write_report(flags, e, report, seconds);
    } catch (const Error& error) {
        if (!flags.out.empty()) throw;
        report.folder.reset();
        print_if_possible(stderr,
                          fmt::format("no results are written; --out names another folder: {}\n", error.what()));
    }
}

void run_knn(const Flags& flags) {
    Evaluation e = open_evaluation(flags.evaluation);
    e.options.rows = FeatureRows::normalised;
    KnnReport report = checked(flags, e);
    if (!flags.out.empty()) make_results_folder(flags.out);  // before the work, if it cannot be made
    const Stopwatch watch;
    measure(flags, e, report);
    leave_results(flags, e, report, watch.seconds());
    if (flags.json) {
        const DatasetPtr& asked = flags.leave_one_out ? e.splits.train : e.splits.test;
        return print_as_json(report, asked->info().class_names);
    }
    print_text(report);
}

}  // namespace

void add_knn(const Command& app) {
    const Command command = app.subcommand(kName, kDescription);
    auto flags = std::make_shared<Flags>();
    flags->evaluation.add_to(command);
    command.option("--knn-k", flags->ks, "neighbours that vote; a list (20,200) makes a table from one search")
        .takes("N,...");
    command
        .option("--knn-t", flags->temperatures, "temperature T of their weights exp(similarity / T), or a list of them")
        .takes("X,...");
    command.flag("--leave-one-out", flags->leave_one_out,
                 "classify each training image by all the others; needs no test part");
    command
        .option("--baseline", flags->baseline,
                "measure an untrained network of the same architecture (random) too, its projection as well")
        .takes("random");
    command.flag("--baselines", flags->baselines,
                 "measure raw pixels and the untrained network too: what the features have to beat");
    command
        .option("--out", flags->out,
                "folder for the results: results.json, predictions.csv, confusion.csv, confusion.png, by the first k "
                "and T [eval/knn in the run folder that the checkpoint lies in]")
        .takes("DIR");
    add_json_flag(command, flags->json);
    command.runs([flags] { run_knn(*flags); });
}

}  // namespace moco::apps
