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
    std::vector<std::vector<AugmentParams>> params;  // by view, then sample
    int64_t pixels = 0;
};

struct Slot {
    std::vector<Tensor> views;
    std::vector<int64_t> indices;
    std::vector<std::optional<Unreadable>> unreadable;  // by row
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
    std::vector<AugmentParams> draw(int64_t epoch, int64_t asked, int64_t H, int64_t W) const;

    DatasetPtr dataset;
    std::vector<Recipe> recipes;
    LoaderOptions options;
    ViewBackends backends;
    SampleSource source;
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

/// Fills the rows before `end_row` from the decoded images, and lets go of these.
void Loader::State::make_views_of(Decoded& decoded, int64_t end_row, Slot& slot) {
    const int64_t begin_row = end_row - static_cast<int64_t>(decoded.samples.size());
    std::vector<ImageView> images;
    for (const SampleSource::Sample& sample : decoded.samples) images.push_back(sample.image.image.view());
    for (size_t view = 0; view < recipes.size(); ++view) {
        make_views(backends, images, decoded.params[view], slot.views[view].rows(begin_row, end_row));
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
        const int64_t position = position_of(step, n);
        // The crops say how small an image may be decoded.
        decoded.samples.push_back(source.read(epoch, position, [&](int64_t asked, int64_t H, int64_t W) {
            return decode_eighths(draw(epoch, asked, H, W), options.size);
        }));
        const SampleSource::Sample& sample = decoded.samples.back();
        const std::vector<AugmentParams> views = draw(epoch, sample.asked, sample.image.full_H, sample.image.full_W);
        decoded.params.resize(views.size());
        for (size_t view = 0; view < views.size(); ++view) {
            decoded.params[view].push_back(scaled_to(views[view], sample.image.eighths));
        }
        slot.indices[static_cast<size_t>(n)] = sample.index;
        slot.unreadable[static_cast<size_t>(n)] = sample.unreadable;
        decoded.pixels += sample.image.image.H * sample.image.image.W;
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
    for (const std::optional<Unreadable>& unreadable : slot.unreadable) {
        if (unreadable) result.unreadable.push_back(*unreadable);
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
