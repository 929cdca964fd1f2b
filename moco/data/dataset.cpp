// What `--data` says, taken apart.
#include "moco/data/dataset.h"

#include <charconv>
#include <filesystem>

#include "core/error.h"
#include "moco/data/folder_dataset.h"
#include "moco/data/idx.h"
#include "moco/data/record_dataset.h"
#include "moco/data/shapes.h"

namespace moco {
namespace {

/// A word of open_dataset: "NAME", "NAME:ARGUMENT".
struct Spec {
    std::string name, argument;
};

Spec parse(const std::string& spec) {
    const size_t colon = spec.find(':');
    if (colon == std::string::npos) return {spec, ""};
    return {spec.substr(0, colon), spec.substr(colon + 1)};
}

std::string folder_of(const Spec& spec) {
    check(!spec.argument.empty(), "--data {0} needs the folder its files are in: {0}:DIR", spec.name);
    return spec.argument;
}

Splits open_shapes_spec(const std::string& argument) {
    int64_t count = kShapesTrainCount;
    if (!argument.empty()) {
        const char* end = argument.data() + argument.size();
        const auto [stop, error] = std::from_chars(argument.data(), end, count);
        check(error == std::errc() && stop == end && count >= 1 && count <= 1'000'000'000,
              "--data shapes:{} is no number of images, expected 1 to 1000000000", argument);
    }
    return open_shapes(count);
}

}  // namespace

ScaledImage Dataset::load_scaled(int64_t i, const ScaleChooser& choose) const {
    ScaledImage scaled = {load(i), 0, 0, 8};
    scaled.full_H = scaled.image.H;
    scaled.full_W = scaled.image.W;
    choose(scaled.full_H, scaled.full_W);
    return scaled;
}

Splits open_dataset(const std::string& text) {
    const Spec spec = parse(text);
    if (spec.name == "fashion-mnist") {
        return open_fashion_mnist(spec.argument.empty() ? kFashionMnistFolder : spec.argument);
    }
    if (spec.name == "mnist") return open_mnist(folder_of(spec));
    if (spec.name == "cifar10") return open_cifar10(folder_of(spec));
    if (spec.name == "cifar100") return open_cifar100(folder_of(spec));
    if (spec.name == "stl10") return open_stl10(folder_of(spec));
    if (spec.name == "shapes") return open_shapes_spec(spec.argument);
    if (spec.name == "folder") return open_folder(folder_of(spec), {});
    std::error_code ignored;
    check(std::filesystem::exists(text, ignored), "--data {}: neither a folder nor one of the known data sets: {}",
          text, dataset_forms());
    return open_folder(text, {});
}

std::string dataset_forms() {
    return "fashion-mnist[:DIR], mnist:DIR, cifar10:DIR, cifar100:DIR, stl10:DIR, folder:DIR (or a bare folder), "
           "shapes[:N]";
}

}  // namespace moco
