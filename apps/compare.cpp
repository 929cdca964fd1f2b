// moco compare: several trained networks on the same images.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/commands.h"
#include "apps/compare_report.h"
#include "apps/compared_file.h"
#include "apps/evaluation.h"
#include "apps/json.h"
#include "apps/output.h"
#include "apps/terminal.h"
#include "core/error.h"
#include "moco/study/comparison_files.h"
#include "moco/study/comparison_json.h"
#include "moco/tasks/results.h"
#include "moco/train/run_folder.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Compare trained networks on the same images: where are their features alike, where not?\n"
    "Linear CKA of all layers, a linear probe and the effective rank of each stage, nearest neighbours in common, kNN\n"
    "under each augmentation, and on which images both fail. docs/compare.md says how to read it.";

struct Flags {
    EvaluationFlags evaluation;
    std::vector<std::string> networks;
    int64_t minibatch = 250;
    std::string out;
    bool json = false;
};

struct Opened {
    std::vector<EvaluatedNetwork> networks;
    std::vector<ComparedNetwork> compared;
};

Opened open_all(const Flags& flags, const std::vector<ComparedFile>& files, const Evaluation& images) {
    Opened all;
    for (const ComparedFile& file : files) {
        EvaluationFlags one = flags.evaluation;
        one.checkpoint = file.path.string();
        all.networks.push_back(open_evaluated_network(one, images));
        all.compared.push_back({file.name, all.networks.back().network.get(), all.networks.back().transform});
    }
    return all;
}

/// --out, else A/eval/compare-B of the run that A lies in, else nowhere.
std::optional<std::filesystem::path> results_folder(const Flags& flags, const std::vector<ComparedFile>& files) {
    if (!flags.out.empty()) return flags.out;
    const std::filesystem::path run = files.front().path.parent_path();
    if (!std::filesystem::is_regular_file(run / kConfigFile)) return std::nullopt;
    std::string name = "compare";
    for (size_t i = 1; i < files.size(); ++i) name += "-" + files[i].name;
    return run / kEvaluations / name;
}

/// The run's folder need not be writable: then that is said. --out must be.
std::vector<std::string> leave_files(const Flags& flags, std::optional<std::filesystem::path>& folder,
                                     const Comparison& comparison) {
    if (!folder) return {};
    try {
        return write_comparison(*folder, comparison);
    } catch (const Error& error) {
        if (!flags.out.empty()) throw;
        folder.reset();
        print_if_possible(stderr,
                          fmt::format("no results are written; --out names another folder: {}\n", error.what()));
        return {};
    }
}

void run_compare(const Flags& flags) {
    check(flags.networks.size() >= 2, "moco compare {}: one network alone is compared with nothing; name another one",
          flags.networks.front());
    const std::vector<ComparedFile> files = compared_files(flags.networks);
    Evaluation images = open_images(flags.evaluation);
    const Opened all = open_all(flags, files, images);
    std::optional<std::filesystem::path> folder = results_folder(flags, files);
    if (!flags.out.empty()) make_results_folder(flags.out);  // before the work, if it cannot be made
    StatusLine line(stderr);
    ComparisonOptions options;
    options.minibatch = flags.minibatch;
    options.workers = flags.evaluation.workers;
    options.limit = flags.evaluation.limit;
    options.doing = [&](const std::string& doing) {
        if (line.due()) line.show(doing);
    };
    const Comparison comparison = compare(all.compared, images.splits, options, *images.backend);
    line.clear();
    report_unreadable(comparison.unreadable);
    const std::vector<std::string> written = leave_files(flags, folder, comparison);
    if (flags.json) {
        nlohmann::ordered_json object = json_of(comparison);
        object["results"] = folder ? nlohmann::ordered_json(folder->string()) : nlohmann::ordered_json();
        return print_json(object);
    }
    print_text(comparison);
    if (folder) fmt::print("\n{}: {}\n", folder->string(), fmt::join(written, ", "));
}

}  // namespace

void add_compare(const Command& app) {
    const Command command = app.subcommand("compare", kDescription);
    auto flags = std::make_shared<Flags>();
    command
        .option("networks", flags->networks,
                "two or more: run folders, RUN@EPOCH, checkpoints, or other programs' weights")
        .takes("A B ...")
        .required();
    flags->evaluation.add_images_to(command);
    command.option("--minibatch", flags->minibatch, "images of one Gram matrix of CKA, at least 4").takes("N");
    command
        .option("--out", flags->out,
                "folder for comparison.json, tables and the picture [eval/compare-B in the run folder of A]")
        .takes("DIR");
    add_json_flag(command, flags->json);
    command.runs([flags] { run_compare(*flags); });
}

}  // namespace moco::apps
