// What `--data` says, taken apart.
#include "moco/data/dataset.h"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/parse.h"
#include "moco/data/folder_dataset.h"
#include "moco/data/idx.h"
#include "moco/data/record_dataset.h"
#include "moco/data/shapes.h"

namespace moco {
namespace {

/// What `--data NAME` or `--data NAME:ARGUMENT` opens. docs/add-a-data-set.md adds a row.
struct Kind {
    std::string_view name;
    std::string_view argument;    // "DIR", "N"
    std::string_view by_default;  // what it is where none is given; "": it must be given
    Splits (*open)(const std::string& argument, const DecodeOptions& options, const FolderOptions& asked);
    std::string_view help;  // one phrase
};

Splits open_shapes_of(const std::string& count_text, const DecodeOptions& /*options*/, const FolderOptions& /*asked*/) {
    const std::optional<int64_t> count = parse_number<int64_t>(count_text);
    check(count && *count >= 1 && *count <= 1'000'000'000,
          "--data shapes:{} is no number of images, expected 1 to 1000000000", count_text);
    return open_shapes(*count);
}

/// For data sets whose images are not files of their own: there is nothing to decode.
template <Splits (*open)(const std::string& folder)>
Splits without_options(const std::string& folder, const DecodeOptions& /*options*/, const FolderOptions& /*asked*/) {
    return open(folder);
}

constexpr Kind kKinds[] = {
    {"fashion-mnist", "DIR", kFashionMnistFolder, without_options<open_fashion_mnist>,
     "70,000 grey pictures of clothes of 28 x 28, in MNIST's files"},
    {"mnist", "DIR", "", without_options<open_mnist>, "70,000 grey digits of 28 x 28"},
    {"cifar10", "DIR", "", without_options<open_cifar10>,
     "60,000 photographs of 32 x 32 in ten classes, the binary version"},
    {"cifar100", "DIR", "", without_options<open_cifar100>, "the same in a hundred classes"},
    {"stl10", "DIR", "", without_options<open_stl10>,
     "113,000 photographs of 96 x 96, most of them unlabelled, the binary version"},
    {"folder", "DIR", "",
     [](const std::string& folder, const DecodeOptions& options, const FolderOptions& asked) {
         return open_folder(folder, {}, options, asked);
     },
     "your own images: class folders, train/ and test/ or val/ over them, or neither"},
    {"shapes", "N", "20000", open_shapes_of, "N pictures of ten shapes of 32 x 32, drawn by the program"},
};

/// What a shell makes of "~" and "~/x" at a word's beginning, but not behind a colon or in a file of settings.
std::string with_home(const std::string& path) {
    const char* home = std::getenv("HOME");
    const bool asks = path == "~" || path.starts_with("~/");
    return asks && home != nullptr ? home + path.substr(1) : path;
}

/// Only folders have what FolderOptions choose.
void check_not_asked(const FolderOptions& asked, const DecodeOptions& options, const std::string& spec) {
    check(options.channels == 0, "--channels {}: only folders of images have it", options.channels);
    check(asked.labels_from.empty(),
          "--labels-from {}: --data {} has its own labels, only folders of images take others", asked.labels_from,
          spec);
    check(asked.test_part.empty(), "--test-part {}: --data {} has one test part, only folders of images have a choice",
          asked.test_part, spec);
}

/// "cifar10:DIR", "shapes[:N]".
std::string form_of(const Kind& kind) {
    const char* format = kind.by_default.empty() ? "{}:{}" : "{}[:{}]";
    return fmt::format(fmt::runtime(format), kind.name, kind.argument);
}

}  // namespace

ScaledImage Dataset::load_scaled(int64_t i, const ScaleChooser& /*choose*/) const {
    ScaledImage scaled = {load(i), 0, 0, 8};
    scaled.full_H = scaled.image.H;
    scaled.full_W = scaled.image.W;
    return scaled;
}

const DatasetPtr& pretraining_part(const Splits& splits) {
    check(splits.pretrain != nullptr, "{}", splits.pretrain_is_missing);
    return splits.pretrain;
}

bool is_labelled(const Splits& splits) {
    return splits.train->info().classes > 0 && splits.test != nullptr && splits.test->info().classes > 0;
}

void check_labelled(const Splits& splits, const std::string& data, const std::string& what) {
    check(splits.train->info().classes > 0,
          "--data {} has no labels, which {} needs (class folders, or --labels-from FILE.csv)", data, what);
    check(splits.test != nullptr,
          "--data {} has no test part, which {} needs (a folder has one when it holds train/ and test/ or val/)", data,
          what);
    check(splits.test->info().classes > 0,
          "--data {}: the images in {} have no labels, which {} needs: expected class folders there, named as those of "
          "the training part, or --labels-from FILE.csv",
          data, splits.test->info().folder, what);
}

Splits open_dataset(const std::string& spec, const DecodeOptions& options, const FolderOptions& wanted) {
    FolderOptions asked = wanted;
    asked.labels_from = with_home(wanted.labels_from);
    const size_t colon = spec.find(':');
    const std::string name = spec.substr(0, colon);
    for (const Kind& kind : kKinds) {
        if (kind.name != name) continue;
        const std::string given = colon == std::string::npos ? "" : spec.substr(colon + 1);
        const std::string argument = given.empty() ? std::string(kind.by_default) : given;
        check(!argument.empty(), "--data {0} needs the folder its files are in: {0}:{1}", name, kind.argument);
        if (name != "folder") check_not_asked(asked, options, spec);
        return kind.open(with_home(argument), options, asked);
    }
    std::error_code ignored;
    const std::string folder = with_home(spec);
    check(std::filesystem::exists(folder, ignored), "--data {}: neither a folder nor one of the known data sets: {}",
          spec, dataset_forms());
    return open_folder(folder, {}, options, asked);
}

std::string dataset_help() {
    std::string text = "Data sets:\n";
    for (const Kind& kind : kKinds) text += fmt::format("  {:<28}{}\n", form_of(kind), kind.help);
    return text;
}

std::string dataset_forms() {
    std::string forms;
    for (const Kind& kind : kKinds) {
        if (!forms.empty()) forms += ", ";
        forms += form_of(kind);
        if (kind.name == "folder") forms += " (or a bare folder)";
    }
    return forms;
}

}  // namespace moco
