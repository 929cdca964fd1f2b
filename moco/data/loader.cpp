// Each chunk of a batch is filled by one worker: read and decode its samples, then have a backend make their views.
#include "moco/data/loader.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "moco/data/batch_pipeline.h"
#include "moco/data/sample_source.h"

namespace moco {
namespace {

/// Samples that a worker takes at a time: many small ones, few large ones, whose decoded pixels then stay in the cache
/// until their views are made.
int64_t samples_per_chunk(int64_t size) {
    return std::clamp<int64_t>((int64_t{1} << 16) / (size * size), 1, 16);
}

/// Images that a worker has decoded and not yet made views of.
struct Decoded {
    std::vector<SampleSource::Sample> samples;
    std::vector<ScaledImage> partners;  // what the views after the first show, where they show another image
    std::vector<std::vector<AugmentParams>> params;  // by view, then sample
    int64_t pixels = 0;
};

struct Slot {
    std::vector<Tensor> views;
    std::vector<int64_t> indices;
    std::vector<std::vector<Unreadable>> unreadable;  // by row
};

void check_options(const Dataset& dataset, const LoaderOptions& o) {
    check(o.batch >= 1, "--batch-size is {}, expected at least 1", o.batch);
    check(o.size >= 1, "the views' side is {} pixels, expected at least 1", o.size);
    check(o.workers >= 0 && o.workers <= 1024, "--workers is {}, expected 0 (no threads) to 1024", o.workers);
    check(o.prefetch >= 1, "the loader keeps {} batches ready, expected at least 1", o.prefetch);
    check(o.world >= 1 && o.rank >= 0 && o.rank < o.world, "the loader's rank is {} of {}", o.rank, o.world);
    check(dataset.count() >= o.batch * o.world,
          "--batch-size {} is larger than the data set: {} has {} images; take a smaller batch", o.batch * o.world,
          dataset.info().name, dataset.count());
}

}  // namespace

struct Loader::State {
    State(DatasetPtr data, std::vector<Recipe> augmentations, const LoaderOptions& loader_options,
          const ViewBackends& where)
        : dataset(std::move(data)),
          recipes(std::move(augmentations)),
          options(loader_options),
          backends(where),
          source(dataset, options.seed),
          steps_per_epoch(dataset->count() / (options.batch * options.world)),
          first(options.start_epoch * steps_per_epoch + options.start_step) {
        if (options.positive.kind != PositiveKind::instance) positives.emplace(*dataset, options.positive);
        const Shape shape = {options.batch, options.size, options.size, dataset->info().channels};
        slots.resize(static_cast<size_t>(options.workers == 0 ? 1 : options.prefetch + 1));
        for (Slot& slot : slots) {
            for (size_t view = 0; view < recipes.size(); ++view) {
                slot.views.push_back(Tensor::empty(shape, DType::f32, backends.trains));
            }
            slot.indices.resize(static_cast<size_t>(options.batch));
            slot.unreadable.resize(static_cast<size_t>(options.batch));
        }
    }

    Slot& slot_of(int64_t batch) { return slots[static_cast<size_t>(batch) % slots.size()]; }
    void fill(int64_t batch, int64_t chunk);
    int64_t position_of(int64_t step, int64_t n) const {
        return (step * options.batch + n) * options.world + options.rank;
    }
    void name_samples(int64_t epoch, int64_t step, int64_t begin, int64_t end, Slot& slot);
    void make_views_of(Decoded& decoded, int64_t end_row, Slot& slot);
    void read_sample(int64_t epoch, int64_t position, Decoded& decoded, std::vector<Unreadable>& unreadable);
    ScaledImage read_partner(int64_t epoch, const SampleSource::Sample& sample, std::vector<Unreadable>& unreadable);
    std::vector<AugmentParams> draw(int64_t epoch, int64_t asked, int64_t H, int64_t W) const;
    ScaleChooser scale_for(int64_t epoch, int64_t asked, size_t first_view, size_t end_view) const;

    DatasetPtr dataset;
    std::vector<Recipe> recipes;
    LoaderOptions options;
    ViewBackends backends;
    SampleSource source;
    std::optional<Positives> positives;
    int64_t steps_per_epoch, first;
    int64_t chunk_size = samples_per_chunk(options.size);
    int64_t batches = 0, batches_returned = 0;
    std::vector<Slot> slots;
    std::optional<BatchPipeline> pipeline;  // last: its threads end before what they use
};

/// The draws of an image's views, the same whenever they are asked for.
std::vector<AugmentParams> Loader::State::draw(int64_t epoch, int64_t asked, int64_t H, int64_t W) const {
    std::vector<AugmentParams> views;
    for (size_t view = 0; view < recipes.size(); ++view) {
        Random random = view_stream(options.seed, epoch, asked, static_cast<int>(view));
        views.push_back(draw_params(recipes[view], dataset->info().normalization, random, H, W));
    }
    return views;
}

/// The crops of these views say how small an image may be decoded.
ScaleChooser Loader::State::scale_for(int64_t epoch, int64_t asked, size_t first_view, size_t end_view) const {
    return [=, this](int64_t H, int64_t W) {
        const std::vector<AugmentParams> views = draw(epoch, asked, H, W);
        return decode_eighths(
            {views.begin() + static_cast<int64_t>(first_view), views.begin() + static_cast<int64_t>(end_view)},
            options.size);
    };
}

/// The image of the views after the first; the sample's own again where it cannot be read.
ScaledImage Loader::State::read_partner(int64_t epoch, const SampleSource::Sample& sample,
                                        std::vector<Unreadable>& unreadable) {
    const int64_t partner = positives->partner(sample.index, options.seed, epoch);
    const ScaleChooser scale = scale_for(epoch, sample.asked, 1, recipes.size());
    if (std::optional<ScaledImage> image = source.read_image(partner, scale)) return std::move(*image);
    if (partner != sample.index) unreadable.push_back(source.report(partner, sample.index));
    return dataset->load_scaled(sample.index, scale);
}

/// Reads what the views of one row show, and draws what becomes of it.
void Loader::State::read_sample(int64_t epoch, int64_t position, Decoded& decoded,
                                std::vector<Unreadable>& unreadable) {
    const size_t shown = positives ? 1 : recipes.size();  // views of the image itself
    decoded.samples.push_back(source.read(
        epoch, position, [&](int64_t asked, int64_t H, int64_t W) { return scale_for(epoch, asked, 0, shown)(H, W); }));
    const SampleSource::Sample& sample = decoded.samples.back();
    unreadable.clear();
    if (sample.unreadable) unreadable.push_back(*sample.unreadable);
    if (shown < recipes.size()) decoded.partners.push_back(read_partner(epoch, sample, unreadable));
    decoded.params.resize(recipes.size());
    const auto keep_params = [&](const ScaledImage& image, size_t first_view, size_t end_view) {
        const std::vector<AugmentParams> views = draw(epoch, sample.asked, image.full_H, image.full_W);
        for (size_t view = first_view; view < end_view; ++view) {
            decoded.params[view].push_back(scaled_to(views[view], image.eighths));
        }
        decoded.pixels += image.image.H * image.image.W;
    };
    keep_params(sample.image, 0, shown);
    if (shown < recipes.size()) keep_params(decoded.partners.back(), shown, recipes.size());
}

/// Fills the rows before `end_row` from the decoded images, and lets go of these.
void Loader::State::make_views_of(Decoded& decoded, int64_t end_row, Slot& slot) {
    const int64_t begin_row = end_row - static_cast<int64_t>(decoded.samples.size());
    std::vector<ImageView> images, partners;
    for (const SampleSource::Sample& sample : decoded.samples) images.push_back(sample.image.image.view());
    for (const ScaledImage& partner : decoded.partners) partners.push_back(partner.image.view());
    for (size_t view = 0; view < recipes.size(); ++view) {
        const bool of_partners = view > 0 && !partners.empty();
        make_views(backends, of_partners ? partners : images, decoded.params[view],
                   slot.views[view].rows(begin_row, end_row));
    }
    decoded = {};
}

/// Rows [begin, end) where nobody wants to see the images.
void Loader::State::name_samples(int64_t epoch, int64_t step, int64_t begin, int64_t end, Slot& slot) {
    for (int64_t n = begin; n < end; ++n) {
        slot.indices[static_cast<size_t>(n)] = source.sample_at(epoch, position_of(step, n));
    }
}

void Loader::State::fill(int64_t batch, int64_t chunk) {
    const int64_t epoch = (first + batch) / steps_per_epoch, step = (first + batch) % steps_per_epoch;
    const int64_t begin = chunk * chunk_size, end = std::min(begin + chunk_size, options.batch);
    Slot& slot = slot_of(batch);
    if (recipes.empty()) return name_samples(epoch, step, begin, end, slot);
    Decoded decoded;
    for (int64_t n = begin; n < end; ++n) {
        read_sample(epoch, position_of(step, n), decoded, slot.unreadable[static_cast<size_t>(n)]);
        slot.indices[static_cast<size_t>(n)] = decoded.samples.back().index;
        if (decoded.pixels >= kMostPixelsHeld || n + 1 == end) make_views_of(decoded, n + 1, slot);
    }
}

Loader::Loader(DatasetPtr dataset, std::vector<Recipe> recipes, const LoaderOptions& options,
               const ViewBackends& backends) {
    for (const Recipe& recipe : recipes) check_recipe(recipe);
    check_options(*dataset, options);
    state_ = std::make_unique<State>(std::move(dataset), std::move(recipes), options, backends);
    State& s = *state_;
    s.batches = std::max<int64_t>(options.epochs * s.steps_per_epoch - s.first, 0);
    const int64_t chunks = (options.batch + s.chunk_size - 1) / s.chunk_size;
    s.pipeline.emplace(BatchPipeline::Plan{options.workers, static_cast<int>(s.slots.size()), s.batches, chunks},
                       [&s](int64_t batch, int64_t chunk) { s.fill(batch, chunk); });
}

Loader::~Loader() = default;

Batch Loader::next() {
    State& s = *state_;
    check(s.batches_returned < s.batches, "the loader has no batch after the last step of epoch {}",
          s.options.epochs - 1);
    ++s.batches_returned;
    const int64_t batch = s.pipeline->next();
    Slot& slot = s.slot_of(batch);
    for (Tensor& view : slot.views) {
        s.backends.trains.await(view.raw(), view.bytes());
        view.bump_version();
    }
    Batch result;
    result.epoch = (s.first + batch) / s.steps_per_epoch;
    result.step = (s.first + batch) % s.steps_per_epoch;
    result.views = slot.views;
    result.indices = slot.indices;
    for (const int64_t index : slot.indices) result.labels.push_back(s.dataset->label(index));
    for (const std::vector<Unreadable>& unreadable : slot.unreadable) {
        result.unreadable.insert(result.unreadable.end(), unreadable.begin(), unreadable.end());
    }
    return result;
}

int64_t Loader::steps_per_epoch() const {
    return state_->steps_per_epoch;
}

double Loader::seconds_waited() const {
    return state_->pipeline->seconds_waited();
}

}  // namespace moco
