#include "moco/data/views.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/tensor.h"
#include "moco/data/png.h"

namespace moco {
namespace {

/// The view as bytes, with the normalisation taken back.
Image to_image(const Tensor& view, const Normalization& normalization) {
    const std::vector<float> values = view.to_vector();
    Image image(view.dim(1), view.dim(2), view.dim(3));
    for (size_t i = 0; i < values.size(); ++i) {
        const size_t c = i % static_cast<size_t>(image.C);
        const float value = values[i] * normalization.std[c] + normalization.mean[c];
        image.pixels[i] = static_cast<uint8_t>(std::lround(std::clamp(value, 0.0f, 1.0f) * 255));
    }
    return image;
}

Image augmented(const Image& image, const AugmentParams& params, const Normalization& normalization, int64_t size,
                Backend& backend) {
    Tensor view = Tensor::empty({1, size, size, image.C}, DType::f32, backend);
    const ImageView source = image.view();
    backend.augment({&source, 1}, {&params, 1}, size, view.mutable_data());
    return to_image(view, normalization);
}

int64_t side_of_views(const DatasetInfo& info, const ViewsOptions& options) {
    if (options.size > 0) return options.size;
    return info.H > 0 && info.H == info.W ? info.H : 224;
}

/// Small views are magnified by a whole factor to a side of about 128.
int64_t cell_of(int64_t size) {
    return std::max<int64_t>(size, 128 / size * size);
}

/// Appends the image and its views; returns false, with the reason, when it cannot be read.
bool append_row(const Dataset& dataset, const Recipe& recipe, const ViewsOptions& options, int64_t index,
                Backend& backend, std::vector<Image>& cells, std::string& reason) {
    Image image;
    try {
        image = dataset.load(index);
    } catch (const Error& error) {
        reason = error.what();
        return false;
    }
    const Normalization& normalization = dataset.info().normalization;
    const int64_t size = side_of_views(dataset.info(), options);
    cells.push_back(shrunk_to_cell(image, cell_of(size)));
    for (int64_t pair = 0; pair < options.pairs; ++pair) {
        for (int view = 0; view < 2; ++view) {
            Random random = view_stream(options.seed, pair, index, view);
            const AugmentParams params = draw_params(recipe, normalization, random, image.H, image.W);
            cells.push_back(augmented(image, params, normalization, size, backend));
        }
    }
    return true;
}

}  // namespace

ViewsSheet make_views_sheet(const Dataset& dataset, const Recipe& recipe, const ViewsOptions& options,
                            Backend& backend) {
    check_recipe(recipe);
    check(options.rows >= 1 && options.pairs >= 1, "a sheet of {} images with {} pairs of views shows nothing",
          options.rows, options.pairs);
    const int64_t channels = dataset.info().channels;
    check(channels == 1 || channels == 3, "--channels {}: only grey and RGB images can be shown", channels);
    const int64_t size = side_of_views(dataset.info(), options);
    const int64_t rows = std::min(options.rows, dataset.count());
    std::vector<Image> cells;
    std::string reason;
    for (int64_t row = 0; row < rows; ++row) {
        // Somewhere in the part of the data set that belongs to this row: at even steps the classes of a data set that
        // cycles through them would all be one.
        const int64_t begin = row * dataset.count() / rows, length = (row + 1) * dataset.count() / rows - begin;
        const int64_t chosen =
            Random(options.seed, Purpose::order, 0, static_cast<uint32_t>(row)).below(static_cast<uint32_t>(length));
        for (int64_t i = 0; i < length; ++i) {
            if (append_row(dataset, recipe, options, begin + (chosen + i) % length, backend, cells, reason)) break;
        }
    }
    check(!cells.empty(), "none of the images of {} can be read; the last: {}", dataset.info().name, reason);
    SheetLayout layout;
    layout.columns = 1 + 2 * options.pairs;
    layout.lead = 1;
    layout.group = 2;
    layout.cell = cell_of(size);
    const auto images = static_cast<int64_t>(cells.size()) / layout.columns;
    return {contact_sheet(cells, layout), images};
}

}  // namespace moco
