// Shuffling BN across workers is BN splits on one process: S ranks as threads, each with its own batch statistics, do
// what one process does with S splits, up to which sample lands in which group. The test arranges the batches so that
// the same samples meet: row j of rank r is row j S + r of the one process, whose splits interleave.
#include <gtest/gtest.h>

#include <mutex>

#include "tests/moco/golden_steps.h"

namespace moco::testing {
namespace {

using golden_steps::kBatch;

constexpr int kRanks = 2;
constexpr int64_t kOwn = kBatch / kRanks;  // rows of a rank
constexpr int64_t kQueue = 4 * kBatch;     // a multiple of the batch: both overwrite the same keys
constexpr int64_t kSteps = 6;

/// Row of the one process that is row `i` (in rank order) of the ranks.
int64_t interleaved(int64_t i) {
    return i % kOwn * kRanks + i / kOwn;
}

/// x's rows in the order of the ranks.
Tensor in_rank_order(const Tensor& x) {
    Tensor y = Tensor::empty_like(x);
    for (int64_t i = 0; i < x.dim(0); ++i) y.rows(i, i + 1).copy_from(x.rows(interleaved(i), interleaved(i) + 1));
    return y;
}

struct State {
    std::vector<double> losses;
    std::vector<float> q, k, statistics, queue;
    int64_t pointer = 0;
};

State state_of(const Moco& moco) {
    State state = {{}, moco.f_q_parameters.values().to_vector(), moco.f_k_parameters.values().to_vector(), {}, {}, 0};
    for (const Network* f : {&moco.f_q, &moco.f_k}) {
        for (const NamedTensor& buffer : f->state().buffers) {
            if (buffer.tensor.dtype() != DType::f32) continue;
            const std::vector<float> values = buffer.tensor.to_vector();
            state.statistics.insert(state.statistics.end(), values.begin(), values.end());
        }
    }
    state.queue = moco.queue.keys().to_vector();
    state.pointer = moco.queue.pointer();
    return state;
}

NetworkConfig encoder(int64_t splits) {
    NetworkConfig config = golden_steps_encoder(Head::mlp);
    config.bn_splits = splits;
    return config;
}

StepNumbers numbers_of(int64_t step, LossDirections directions, const std::vector<ShuffleOrder>& orders) {
    return {golden_steps_rate(step), golden_steps::kM, golden_steps::kT, directions, 1, orders};
}

State one_process(LossDirections directions, bool shuffle) {
    Backend& backend = cpu();
    Moco moco(encoder(kRanks), kQueue, golden_steps::kSgd, 0, backend);
    fill_by_formula(moco);
    SingleProcess comm;
    std::vector<double> losses;
    for (int64_t step = 0; step < kSteps; ++step) {
        std::vector<ShuffleOrder> orders(2);
        for (int view = 0; shuffle && view < 2; ++view) {
            // The ranks' order, in this process's numbering of the samples and of the groups.
            const ShuffleOrder theirs = draw_shuffle_order(kBatch, 0, 0, step, view);
            orders[static_cast<size_t>(view)].resize(kBatch);
            for (int64_t i = 0; i < kBatch; ++i) {
                orders[static_cast<size_t>(view)][static_cast<size_t>(interleaved(i))] =
                    interleaved(theirs[static_cast<size_t>(i)]);
            }
        }
        const Views x = {golden_steps_images(500, 2 * step, backend), golden_steps_images(500, 2 * step + 1, backend)};
        losses.push_back(train_step(moco, x, numbers_of(step, directions, orders), comm).loss.item());
    }
    State state = state_of(moco);
    state.losses = losses;
    return state;
}

std::vector<State> ranks(LossDirections directions, bool shuffle) {
    std::vector<State> states(kRanks);
    run_on_threads(kRanks, [&](Communicator& comm) {
        Backend& backend = cpu();
        Moco moco(encoder(1), kQueue, golden_steps::kSgd, 0, backend);
        fill_by_formula(moco);
        std::vector<double> losses;
        for (int64_t step = 0; step < kSteps; ++step) {
            std::vector<ShuffleOrder> orders(2);
            for (int view = 0; shuffle && view < 2; ++view) {
                orders[static_cast<size_t>(view)] = draw_shuffle_order(kBatch, 0, 0, step, view);
            }
            const auto own = [&](int64_t i) {
                return in_rank_order(golden_steps_images(500, i, backend))
                    .rows(comm.rank() * kOwn, (comm.rank() + 1) * kOwn);
            };
            const Views x = {own(2 * step), own(2 * step + 1)};
            losses.push_back(train_step(moco, x, numbers_of(step, directions, orders), comm).loss.item());
        }
        average_statistics(moco.f_q, comm);
        average_statistics(moco.f_k, comm);
        State& state = states[static_cast<size_t>(comm.rank())] = state_of(moco);
        state.losses = losses;
    });
    return states;
}

void expect_same_method(LossDirections directions, bool shuffle) {
    // Direct convolution errs least: a rounding that lets one ReLU through and not the other would show in all weights.
    cpu().set_conv_algorithm(ConvAlgorithm::direct);
    const State single = one_process(directions, shuffle);
    const std::vector<State> all = ranks(directions, shuffle);
    cpu().set_conv_algorithm(ConvAlgorithm::auto_select);
    for (size_t step = 0; step < kSteps; ++step) {
        double mean = 0;
        for (const State& rank : all) mean += rank.losses[step] / kRanks;
        EXPECT_NEAR(mean, single.losses[step], 1e-5) << "step " << step;
    }
    for (const State& rank : all) {
        // One run: every rank holds the same bits.
        EXPECT_EQ(rank.q, all[0].q);
        EXPECT_EQ(rank.k, all[0].k);
        EXPECT_EQ(rank.queue, all[0].queue);
        EXPECT_EQ(rank.statistics, all[0].statistics);
        EXPECT_EQ(rank.pointer, single.pointer);
        // The other partition adds up in another order: a few roundings a step, so 1e-4 of the RMS is generous.
        EXPECT_LE(error_over_rms(rank.q, single.q), 1e-4);
        EXPECT_LE(error_over_rms(rank.k, single.k), 1e-4);
        EXPECT_LE(error_over_rms(rank.statistics, single.statistics), 1e-4);
        // The queue holds each batch in rank order there, in batch order here.
        std::vector<float> expected = single.queue;
        const size_t C = golden_steps::kDim;
        for (size_t row = 0; row < kQueue; ++row) {
            const size_t in_batch = row % kBatch;
            const size_t from = row - in_batch + static_cast<size_t>(interleaved(static_cast<int64_t>(in_batch)));
            std::copy_n(single.queue.begin() + from * C, C, expected.begin() + row * C);
        }
        EXPECT_LE(error_over_rms(rank.queue, expected), 1e-4);
    }
}

TEST(RanksAsThreads, EqualSplitsOfOneProcess) {
    expect_same_method(LossDirections::one_way, true);
}

TEST(RanksAsThreads, EqualSplitsOfOneProcessWithTheSymmetricLoss) {
    expect_same_method(LossDirections::both_ways, true);
}

TEST(RanksAsThreads, EqualSplitsOfOneProcessWithoutShuffling) {
    expect_same_method(LossDirections::one_way, false);
}

TEST(RanksAsThreads, ShufflingChangesTheKeys) {
    EXPECT_GT(error_over_rms(one_process(LossDirections::one_way, true).queue,
                             one_process(LossDirections::one_way, false).queue),
              1e-2);
}

}  // namespace
}  // namespace moco::testing
