// The loader of evaluation passes: every image once, in order.
#include <algorithm>
#include <utility>

#include "core/error.h"
#include "moco/data/batch_pipeline.h"

#include "moco/data/augment_planes.h"
#include "moco/data/loader.h"

namespace moco {
namespace {

constexpr int64_t kChunk = 16;  // samples

struct Slot {
    Tensor images;
    std::vector<std::optional<Unreadable>> unreadable;  // by row
};

}  // namespace

struct EvalLoader::State {
    DatasetPtr dataset;
    EvalTransform transform;
    EvalLoaderOptions options;
    Backend& backend;
    int64_t count, size;
    std::vector<Slot> slots = {};
    int64_t batches_returned = 0;
    std::optional<BatchPipeline> pipeline = {};  // last: its threads end before what they use

    Slot& slot_of(int64_t batch) { return slots[static_cast<size_t>(batch) % slots.size()]; }
    void fill(int64_t batch, int64_t chunk);
    void transform_run(int64_t batch, int64_t end_row, std::vector<Image>& run);
    AugmentParams params_for(int64_t index, const Image& image) const;
    void close_gaps(Slot& slot, int64_t first, int64_t rows, EvalBatch& result);
};

AugmentParams EvalLoader::State::params_for(int64_t index, const Image& image) const {
    try {
        AugmentParams params = evaluation_params(transform, dataset->info().normalization, size, image.H, image.W);
        if (options.change) options.change(index, image.H, image.W, params);
        return params;
    } catch (const Error& error) {
        fail("{}: {}", dataset->path(index), error.what());
    }
}

/// Fills the rows before `end_row` from the images of `run`, and empties it.
void EvalLoader::State::transform_run(int64_t batch, int64_t end_row, std::vector<Image>& run) {
    const int64_t begin_row = end_row - static_cast<int64_t>(run.size());
    std::vector<ImageView> images;
    std::vector<AugmentParams> params;
    for (const Image& image : run) {
        const int64_t row = begin_row + static_cast<int64_t>(images.size());
        params.push_back(params_for(batch * options.batch + row, image));
        images.push_back(image.view());
    }
    if (run.empty()) return;
    augment_planes(backend, images, params, size, slot_of(batch).images.rows(begin_row, end_row).mutable_data());
    run.clear();
}

void EvalLoader::State::fill(int64_t batch, int64_t chunk) {
    const int64_t first = batch * options.batch, begin = chunk * kChunk;
    const int64_t end = std::min({begin + kChunk, options.batch, count - first});
    Slot& slot = slot_of(batch);
    std::vector<Image> run;  // readable images of neighbouring rows
    int64_t pixels = 0;      // of them
    for (int64_t n = begin; n < end; ++n) {
        const int64_t index = first + n;
        std::optional<Unreadable>& unreadable = slot.unreadable[static_cast<size_t>(n)];
        unreadable.reset();
        try {
            run.push_back(dataset->load(index));
        } catch (const Error& error) {
            unreadable = Unreadable{index, dataset->path(index), error.what(), -1};
            transform_run(batch, n, run);
            pixels = 0;
            continue;
        }
        pixels += run.back().H * run.back().W;
        if (pixels < kMostPixelsHeld) continue;
        transform_run(batch, n + 1, run);
        pixels = 0;
    }
    transform_run(batch, end, run);
}

/// Moves the rows of readable images together.
void EvalLoader::State::close_gaps(Slot& slot, int64_t first, int64_t rows, EvalBatch& result) {
    for (int64_t n = 0; n < rows; ++n) {
        if (slot.unreadable[static_cast<size_t>(n)]) {
            result.unreadable.push_back(*slot.unreadable[static_cast<size_t>(n)]);
            continue;
        }
        const auto row = static_cast<int64_t>(result.indices.size());
        if (row != n) {
            const Tensor source = slot.images.rows(n, n + 1);
            backend.copy(slot.images.rows(row, row + 1).mutable_data(), source.data(), source.bytes());
        }
        result.indices.push_back(first + n);
    }
}

EvalLoader::EvalLoader(DatasetPtr dataset, const EvalTransform& transform, const EvalLoaderOptions& options,
                       Backend& backend) {
    check(options.batch >= 1, "the evaluation batch is {}, expected at least 1", options.batch);
    check(options.workers >= 0 && options.workers <= 1024, "--workers is {}, expected 0 (no threads) to 1024",
          options.workers);
    const int64_t size = output_size(transform, dataset->info()), channels = dataset->info().channels;
    const int64_t count = options.limit > 0 ? std::min(options.limit, dataset->count()) : dataset->count();
    state_.reset(new State{std::move(dataset), transform, options, backend, count, size});
    State& s = *state_;
    s.slots.resize(static_cast<size_t>(options.workers == 0 ? 1 : std::max(options.prefetch, 1) + 1));
    for (Slot& slot : s.slots) {
        slot.images = Tensor::empty({options.batch, size, size, channels}, DType::f32, backend);
        slot.unreadable.resize(static_cast<size_t>(options.batch));
    }
    const int64_t chunks = (options.batch + kChunk - 1) / kChunk;
    s.pipeline.emplace(BatchPipeline::Plan{options.workers, static_cast<int>(s.slots.size()), batches(), chunks},
                       [&s](int64_t batch, int64_t chunk) { s.fill(batch, chunk); });
}

EvalLoader::~EvalLoader() = default;

std::optional<EvalBatch> EvalLoader::next() {
    State& s = *state_;
    if (s.batches_returned == batches()) return std::nullopt;
    const int64_t batch = s.pipeline->next();
    ++s.batches_returned;
    const int64_t first = batch * s.options.batch, rows = std::min(s.options.batch, s.count - first);
    Slot& slot = s.slot_of(batch);
    s.backend.await(slot.images.raw(), slot.images.bytes());
    slot.images.bump_version();
    EvalBatch result;
    s.close_gaps(slot, first, rows, result);
    result.images = slot.images.rows(0, static_cast<int64_t>(result.indices.size()));
    return result;
}

int64_t EvalLoader::batches() const {
    return (state_->count + state_->options.batch - 1) / state_->options.batch;
}

}  // namespace moco
