// The loader's promises: what a batch holds depends on (seed, epoch, step) alone.
#include "moco/data/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "cpu/cpu_backend.h"
#include "moco/data/shapes.h"
#include "tests/moco/data/flawed_dataset.h"
#include "tests/support/expect_error.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

LoaderOptions small_options() {
    LoaderOptions options;
    options.batch = 20;  // two chunks, the second one short
    options.size = 8;
    options.seed = 11;
    options.epochs = 3;
    return options;
}

std::vector<Recipe> two_views(const std::string& recipe) {
    return {recipe_named(recipe), recipe_named(recipe)};
}

/// What a batch held, out of the loader's memory.
struct Held {
    int64_t epoch, step;
    std::vector<float> query, key;
    std::vector<int64_t> indices;
    std::vector<std::pair<int64_t, int64_t>> replaced;
    bool operator==(const Held&) const = default;
};

Held held(const Batch& batch) {
    Held h = {batch.epoch, batch.step, batch.views[0].to_vector(), batch.views[1].to_vector(), batch.indices, {}};
    for (const Unreadable& u : batch.unreadable) h.replaced.emplace_back(u.index, u.replaced_by);
    return h;
}

std::vector<Held> all_batches(const DatasetPtr& data, const LoaderOptions& options, const ViewBackends& backends) {
    Loader loader(data, two_views("v2"), options, backends);
    const int64_t first = options.start_epoch * loader.steps_per_epoch() + options.start_step;
    std::vector<Held> batches;
    for (int64_t i = first; i < options.epochs * loader.steps_per_epoch(); ++i) batches.push_back(held(loader.next()));
    return batches;
}

class LoaderTest : public EachBackend {};

TEST_P(LoaderTest, AnEpochIsAPermutationWithoutTheLastPartialBatch) {
    Loader loader(open_shapes(90).train, two_views("v2"), small_options(), backend());
    EXPECT_EQ(loader.steps_per_epoch(), 4);
    std::vector<std::vector<int64_t>> orders;
    for (int64_t epoch = 0; epoch < 2; ++epoch) {
        std::vector<int64_t>& order = orders.emplace_back();
        for (int64_t step = 0; step < 4; ++step) {
            const Batch batch = loader.next();
            EXPECT_EQ(batch.epoch, epoch);
            EXPECT_EQ(batch.step, step);
            EXPECT_EQ(batch.views[0].shape(), (Shape{20, 8, 8, 3}));
            order.insert(order.end(), batch.indices.begin(), batch.indices.end());
        }
        EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()).size(), 80u);
        std::vector<int64_t> expected = Random(11, Purpose::order, static_cast<uint32_t>(epoch)).permutation(90);
        expected.resize(80);
        EXPECT_EQ(order, expected);
    }
    EXPECT_NE(orders[0], orders[1]);
}

TEST_P(LoaderTest, TheSameBatchesForAnyNumberOfWorkers) {
    const DatasetPtr data = std::make_shared<FlawedDataset>(open_shapes(90).train, std::set<int64_t>{3, 4, 50, 89});
    LoaderOptions options = small_options();
    options.workers = 0;
    const std::vector<Held> expected = all_batches(data, options, backend());
    for (const int workers : {1, 2, 5}) {
        for (const int prefetch : {1, 4}) {
            options.workers = workers;
            options.prefetch = prefetch;
            EXPECT_EQ(all_batches(data, options, backend()), expected) << workers << " workers, prefetch " << prefetch;
        }
    }
}

TEST_P(LoaderTest, WithoutViewsTheSameImagesAreNamedAndNoneIsRead) {
    std::set<int64_t> all;
    for (int64_t i = 0; i < 90; ++i) all.insert(i);
    const DatasetPtr whole = open_shapes(90).train;
    const DatasetPtr unreadable = std::make_shared<FlawedDataset>(whole, all);
    LoaderOptions options = small_options();
    options.start_step = 2;
    for (const int workers : {0, 1, 5}) {
        options.workers = workers;
        Loader loader(whole, two_views("v2"), options, backend()), without(unreadable, {}, options, backend());
        for (int i = 0; i < 6; ++i) {
            const Batch expected = loader.next(), batch = without.next();
            EXPECT_EQ(batch.epoch, expected.epoch);
            EXPECT_EQ(batch.step, expected.step);
            EXPECT_EQ(batch.labels, expected.labels) << workers << " workers";
            EXPECT_EQ(batch.indices, expected.indices) << workers << " workers";
            EXPECT_TRUE(batch.views.empty());
            EXPECT_TRUE(batch.unreadable.empty());
        }
    }
}

TEST_P(LoaderTest, ViewsMadeOnTheProcessorArriveAsTheyAre) {
    const DatasetPtr data = std::make_shared<FlawedDataset>(open_shapes(90).train, std::set<int64_t>{3, 50});
    LoaderOptions options = small_options();
    const std::vector<Held> expected = all_batches(data, options, cpu());
    const std::unique_ptr<Backend> processor = make_cpu_backend();
    for (const int workers : {0, 1, 4}) {
        options.workers = workers;
        EXPECT_EQ(all_batches(data, options, {*processor, backend()}), expected) << workers << " workers";
    }
}

TEST_P(LoaderTest, EveryDeviceMakesTheSameViewsOfTheSameDraws) {
    const DatasetPtr data = open_shapes(60).train;
    const std::vector<Held> batches = all_batches(data, small_options(), backend());
    const std::vector<Held> expected = all_batches(data, small_options(), cpu());
    ASSERT_EQ(batches.size(), expected.size());
    const std::array<float, 3> std = data->info().normalization.std;
    for (size_t b = 0; b < expected.size(); ++b) {
        ASSERT_EQ(batches[b].indices, expected[b].indices);
        for (const auto& views : {&Held::query, &Held::key}) {
            for (size_t i = 0; i < (expected[b].*views).size(); ++i) {
                // What the operators promise, on values in [0, 1].
                ASSERT_NEAR((batches[b].*views)[i], (expected[b].*views)[i], 1e-4 / std[i % 3]);
            }
        }
    }
}

TEST_P(LoaderTest, StartsAnywhereAsIfItHadRunUpToThere) {
    const DatasetPtr data = open_shapes(90).train;
    LoaderOptions options = small_options();
    const std::vector<Held> whole = all_batches(data, options, backend());
    for (const auto& [epoch, step] : {std::pair{0, 3}, {1, 0}, {2, 2}}) {
        options.start_epoch = epoch;
        options.start_step = step;
        const std::vector<Held> rest = all_batches(data, options, backend());
        EXPECT_EQ(rest, std::vector<Held>(whole.begin() + epoch * 4 + step, whole.end()));
    }
}

TEST_P(LoaderTest, TheViewsAreThoseOfTheirStreams) {
    const DatasetPtr data = open_shapes(40).train;
    LoaderOptions options = small_options();
    options.start_epoch = 1;
    Loader loader(data, two_views("demo"), options, backend());
    const Batch batch = loader.next();
    for (const int64_t row : {0, 7, 19}) {
        const int64_t index = batch.indices[static_cast<size_t>(row)];
        const Image image = data->load(index);
        for (const int view : {0, 1}) {
            Random random = view_stream(options.seed, 1, index, view);
            const AugmentParams params =
                draw_params(recipe_named("demo"), data->info().normalization, random, image.H, image.W);
            const Tensor& views = batch.views[static_cast<size_t>(view)];
            EXPECT_EQ(views.rows(row, row + 1).to_vector(), augmented(image, params, 8, backend()));
        }
    }
}

TEST_P(LoaderTest, ADamagedImageIsReplacedByTheNextReadableOneAndNamed) {
    const std::set<int64_t> damaged = {3, 4, 5, 50, 89};
    const auto data = std::make_shared<FlawedDataset>(open_shapes(90).train, damaged);
    Loader loader(data, two_views("v2"), small_options(), backend());
    const std::vector<int64_t> order = Random(11, Purpose::order, 0).permutation(90);
    for (int64_t step = 0; step < 4; ++step) {
        const Batch batch = loader.next();
        std::vector<std::pair<int64_t, int64_t>> expected;
        for (int64_t n = 0; n < 20; ++n) {
            size_t position = static_cast<size_t>(step * 20 + n);
            const int64_t asked = order[position];
            while (damaged.contains(order[position])) position = (position + 1) % 90;
            EXPECT_EQ(batch.indices[static_cast<size_t>(n)], order[position]);
            if (order[position] != asked) expected.emplace_back(asked, order[position]);
        }
        EXPECT_EQ(held(batch).replaced, expected);
        for (const Unreadable& u : batch.unreadable) {
            EXPECT_EQ(u.path, data->path(u.index));
            EXPECT_NE(u.reason.find("damaged"), std::string::npos);
        }
    }
}

TEST_P(LoaderTest, AReplacementGetsTheDrawsOfTheImageItStandsFor) {
    const DatasetPtr whole = open_shapes(20).train;
    const std::vector<int64_t> order = Random(11, Purpose::order, 0).permutation(20);
    const auto data = std::make_shared<FlawedDataset>(whole, std::set<int64_t>{order[4]});
    Loader loader(data, two_views("v2"), small_options(), backend());
    const Batch batch = loader.next();
    EXPECT_EQ(batch.indices[4], batch.indices[5]);
    // Twice the same pixels would be a positive among the negatives.
    EXPECT_NE(batch.views[0].rows(4, 5).to_vector(), batch.views[0].rows(5, 6).to_vector());
}

TEST_P(LoaderTest, OneErrorWhenNothingCanBeRead) {
    std::set<int64_t> all;
    for (int64_t i = 0; i < 30; ++i) all.insert(i);
    for (const int workers : {0, 3}) {
        LoaderOptions options = small_options();
        options.workers = workers;
        Loader loader(std::make_shared<FlawedDataset>(open_shapes(30).train, all), two_views("v2"), options, backend());
        expect_error([&] { loader.next(); }, {"none of the 30 images of shapes can be read", "damaged"});
    }
}

TEST_P(LoaderTest, RanksShareEachGlobalBatch) {
    const DatasetPtr data = open_shapes(90).train;
    LoaderOptions options = small_options();
    options.batch = 10;
    options.world = 2;
    std::vector<std::vector<Held>> ranks;
    for (options.rank = 0; options.rank < 2; ++options.rank) ranks.push_back(all_batches(data, options, backend()));
    const std::vector<Held> whole = all_batches(data, small_options(), backend());
    ASSERT_EQ(ranks[0].size(), whole.size());
    for (size_t i = 0; i < whole.size(); ++i) {
        for (size_t rank = 0; rank < 2; ++rank) {
            for (size_t n = 0; n < 10; ++n) {
                const size_t position = 2 * n + rank, pixels = 8 * 8 * 3;
                EXPECT_EQ(ranks[rank][i].indices[n], whole[i].indices[position]);
                const auto view = ranks[rank][i].query.begin() + static_cast<std::ptrdiff_t>(n * pixels);
                EXPECT_TRUE(std::equal(view, view + pixels,
                                       whole[i].query.begin() + static_cast<std::ptrdiff_t>(position * pixels)));
            }
        }
    }
}

TEST_P(LoaderTest, ABatchStaysAsItIsUntilTheNextIsAskedFor) {
    LoaderOptions options = small_options();
    options.workers = 4;
    options.prefetch = 1;
    Loader loader(open_shapes(90).train, two_views("v2"), options, backend());
    for (int i = 0; i < 12; ++i) {
        const Batch batch = loader.next();
        const Held before = held(batch);
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
        ASSERT_EQ(held(batch), before);
    }
    expect_error([&] { loader.next(); }, {"no batch after"});
}

TEST_P(LoaderTest, ImpossibleOptionsAreNamed) {
    const DatasetPtr data = open_shapes(10).train;
    LoaderOptions options = small_options();
    expect_error([&] { Loader(data, two_views("v2"), options, backend()); }, {"--batch-size 20", "10 images"});
    options.batch = 0;
    expect_error([&] { Loader(data, two_views("v2"), options, backend()); }, {"--batch-size is 0"});
    options.batch = 2;
    options.workers = -1;
    expect_error([&] { Loader(data, two_views("v2"), options, backend()); }, {"--workers is -1"});
}

MOCO_FOR_EACH_BACKEND(LoaderTest);

}  // namespace
}  // namespace moco::testing
