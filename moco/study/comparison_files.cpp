#include "moco/study/comparison_files.h"

#include <cmath>

#include "moco/data/png.h"
#include "moco/eval/csv.h"
#include "moco/study/cka_picture.h"
#include "moco/study/comparison_json.h"
#include "moco/tasks/results.h"
#include "nn/atomic_file.h"

namespace moco {
namespace {

/// Nothing where it is unknown.
std::string field(double value, int digits) {
    return std::isnan(value) ? "" : fmt::format("{:.{}f}", value, digits);
}

std::string field(const std::optional<double>& value, int digits) {
    return value ? field(*value, digits) : "";
}

/// A row and a column a layer.
std::string cka_csv(const Comparison& comparison) {
    std::vector<std::string> layers;
    for (size_t i = 0; i < comparison.networks.size(); ++i) {
        for (const std::string& layer : comparison.similarity.layers[i]) {
            layers.push_back(csv_field(fmt::format("{}:{}", comparison.networks[i].name, layer)));
        }
    }
    std::string text = "layer";
    for (const std::string& layer : layers) text += fmt::format(",{}", layer);
    for (size_t row = 0; row < layers.size(); ++row) {
        text += fmt::format("\n{}", layers[row]);
        for (size_t column = 0; column < layers.size(); ++column) {
            text += fmt::format(",{}", field(comparison.similarity.cka[row * layers.size() + column], 6));
        }
    }
    return text + "\n";
}

std::string stages_csv(const Comparison& comparison) {
    std::string text = "network,stage,channels,probe_top1,effective_rank,for_90_percent\n";
    for (const NetworkReport& network : comparison.networks) {
        for (const StageReport& stage : network.stages) {
            text += fmt::format("{},{},{},{},{},{}\n", csv_field(network.name), csv_field(stage.name), stage.channels,
                                field(stage.separability, 2), field(stage.spectrum.effective_rank, 4),
                                stage.spectrum.for_90_percent);
        }
    }
    return text;
}

std::string spectra_csv(const Comparison& comparison) {
    std::string text = "network,stage,number,share\n";
    for (const NetworkReport& network : comparison.networks) {
        for (const StageReport& stage : network.stages) {
            for (size_t i = 0; i < stage.spectrum.shares.size(); ++i) {
                text += fmt::format("{},{},{},{:.6g}\n", csv_field(network.name), csv_field(stage.name), i + 1,
                                    stage.spectrum.shares[i]);
            }
        }
    }
    return text;
}

std::string errors_row(const std::string& pair, const std::string& name, const Agreement& counts) {
    return fmt::format("{},{},{},{},{},{},{},{}\n", pair, name, counts.both_right, counts.only_a, counts.only_b,
                       counts.both_wrong, counts.same_mistake, field(counts.kappa(), 4));
}

std::string errors_csv(const Comparison& comparison) {
    std::string text = "a,b,class,both_right,only_a,only_b,both_wrong,same_mistake,kappa\n";
    for (const PairReport& pair : comparison.pairs) {
        const std::string names = fmt::format("{},{}", csv_field(comparison.networks[pair.a].name),
                                              csv_field(comparison.networks[pair.b].name));
        text += errors_row(names, "", pair.errors->all);
        for (size_t c = 0; c < pair.errors->of_class.size(); ++c) {
            text +=
                errors_row(names, csv_class(comparison.class_names, static_cast<int64_t>(c)), pair.errors->of_class[c]);
        }
    }
    return text;
}

Image picture_of(const Comparison& comparison) {
    std::vector<std::string> names;
    for (const NetworkReport& network : comparison.networks) names.push_back(network.name);
    const std::string title =
        fmt::format("{}, {} images of the {} part in {} minibatches", comparison.data, comparison.similarity.images,
                    comparison.part, comparison.similarity.minibatches);
    return cka_picture(comparison.similarity, names, title);
}

}  // namespace

std::vector<std::string> write_comparison(const std::filesystem::path& folder, const Comparison& comparison) {
    make_results_folder(folder);
    std::vector<std::string> written;
    const auto write = [&](const char* name, const std::string& text) {
        write_file_atomically(folder / name, text);
        written.push_back(name);
    };
    write("comparison.json",
          json_of(comparison).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
    write("cka.csv", cka_csv(comparison));
    write_png((folder / "cka.png").string(), picture_of(comparison));
    written.push_back("cka.png");
    write("stages.csv", stages_csv(comparison));
    write("spectra.csv", spectra_csv(comparison));
    if (!comparison.unlabelled) write("errors.csv", errors_csv(comparison));
    return written;
}

}  // namespace moco
