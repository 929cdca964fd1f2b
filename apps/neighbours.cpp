// moco neighbours: a picture of test images beside the training images nearest to them.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/commands.h"
#include "apps/evaluation.h"
#include "apps/json.h"
#include "core/error.h"
#include "moco/data/png.h"
#include "moco/eval/knn.h"
#include "ops/gather_rows.h"
#include "ops/l2_normalize.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Draw test images beside the training images nearest to them in feature space.\n"
    "Each row of the picture is a test image, a gap, and its neighbours, nearest first.";

struct Flags {
    EvaluationFlags evaluation;
    int64_t rows = 8, neighbours = 8, cell = 64;
    std::string out;
    bool json = false;
};

/// `count` places taken evenly from 0 .. n - 1.
std::vector<int64_t> evenly(int64_t count, int64_t n) {
    std::vector<int64_t> places;
    for (int64_t i = 0; i < count; ++i) places.push_back((2 * i + 1) * n / (2 * count));
    return places;
}

/// The first image of each class in turn, as many rounds as needed; unlabelled images evenly.
std::vector<int64_t> choose_rows(const Features& test, int64_t count) {
    const auto n = static_cast<int64_t>(test.labels.size());
    count = std::min(count, n);
    std::vector<int64_t> places;
    std::vector<bool> taken(test.labels.size());
    while (static_cast<int64_t>(places.size()) < count) {
        std::vector<int64_t> seen;
        for (int64_t i = 0; i < n && static_cast<int64_t>(places.size()) < count; ++i) {
            const int64_t label = test.labels[static_cast<size_t>(i)];
            if (label < 0) return evenly(count, n);
            if (taken[static_cast<size_t>(i)] || std::find(seen.begin(), seen.end(), label) != seen.end()) continue;
            taken[static_cast<size_t>(i)] = true;
            seen.push_back(label);
            places.push_back(i);
        }
    }
    return places;
}

void run_neighbours(const Flags& flags) {
    check(flags.rows >= 1 && flags.rows <= 1000, "--rows {}: expected 1 to 1000", flags.rows);
    check(flags.neighbours >= 1 && flags.neighbours <= 100, "--neighbours {}: expected 1 to 100", flags.neighbours);
    check(flags.cell >= 8 && flags.cell <= 1024, "--cell {}: expected 8 to 1024 pixels", flags.cell);
    Evaluation e = open_evaluation(flags.evaluation);
    check(e.splits.test != nullptr, "--data {} has no test part whose neighbours could be shown",
          flags.evaluation.data.spec);
    const int64_t channels = e.splits.train->info().channels;
    check(channels == 1 || channels == 3, "--channels {}: only grey and RGB images can be shown", channels);
    const Features train = features_of(*e.network, e.splits.train, {FeatureLayer::backbone}, e);
    const Features test = features_of(*e.network, e.splits.test, {FeatureLayer::backbone}, e);

    const std::vector<int64_t> rows = choose_rows(test, flags.rows);
    const Tensor index = Tensor::from_host(rows, {static_cast<int64_t>(rows.size())}, *e.backend);
    const Neighbours found = nearest_neighbours(l2_normalize(train.backbone),
                                                l2_normalize(gather_rows(test.backbone, index)), flags.neighbours);
    Image gap(1, 1, 3);
    gap.pixels.assign(3, 255);
    std::vector<Image> images;
    for (size_t row = 0; row < rows.size(); ++row) {
        images.push_back(e.splits.test->load(test.indices[static_cast<size_t>(rows[row])]));
        images.push_back(gap);
        for (int64_t j = 0; j < found.k; ++j) {
            const int64_t place = found.index[row * static_cast<size_t>(found.k) + static_cast<size_t>(j)];
            images.push_back(e.splits.train->load(train.indices[static_cast<size_t>(place)]));
        }
    }
    write_png(flags.out, contact_sheet(images, {.columns = 2 + found.k, .cell = flags.cell}));
    if (flags.json) {
        return print_json(
            {{"file", flags.out}, {"images", rows.size()}, {"neighbours", found.k}, {"indices", found.index}});
    }
    fmt::print("{}: {} test images, each followed by its {} nearest training images\n", flags.out, rows.size(),
               found.k);
}

}  // namespace

void add_neighbours(const Command& app) {
    const Command command = app.subcommand("neighbours", kDescription);
    auto flags = std::make_shared<Flags>();
    flags->evaluation.add_to(command);
    command.option("--rows", flags->rows, "test images, one of each class in turn").takes("N");
    command.option("--neighbours", flags->neighbours, "neighbours of each").takes("N");
    command.option("--cell", flags->cell, "side of an image in the picture, pixels").takes("N");
    command.option("--out", flags->out, "the picture to write").takes("FILE.png").required();
    add_json_flag(command, flags->json);
    command.runs([flags] { run_neighbours(*flags); });
}

}  // namespace moco::apps
