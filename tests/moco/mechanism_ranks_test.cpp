// Threads as ranks do what one process does with as many batch norm splits: the end-to-end mechanism, whose dictionary
// is gathered with gradient, with keys in splits and shuffled over them; and the memory bank, which all ranks keep.
// The batches are arranged as in ranks_test.cpp: row j of rank r is row j R + r of the one process.
#include <gtest/gtest.h>

#include "tests/moco/mechanism_steps.h"

namespace moco::testing {
namespace {

using golden_steps::kBatch;
using golden_steps::kT;

constexpr int kRanks = 2;
constexpr int64_t kOwn = kBatch / kRanks, kSteps = 6, kNegatives = 12;

/// Row of the one process that is row `i` (in rank order) of the ranks.
int64_t interleaved(int64_t i) {
    return i % kOwn * kRanks + i / kOwn;
}

/// The rows of x that are a rank's.
Tensor own_rows(const Tensor& x, int rank) {
    Tensor y = Tensor::empty(x.shape().with_rows(kOwn), DType::f32, x.backend());
    for (int64_t n = 0; n < kOwn; ++n) {
        const int64_t row = n * kRanks + rank;
        y.rows(n, n + 1).copy_from(x.rows(row, row + 1));
    }
    return y;
}

struct Learned {
    std::vector<double> losses;
    std::vector<float> weights, statistics, bank;
};

Learned learned(const SingleEncoder& encoder, std::vector<double> losses) {
    Learned all = {std::move(losses), encoder.parameters.values().to_vector(), {}, {}};
    for (const NamedTensor& buffer : encoder.f.state().buffers) {
        if (buffer.tensor.dtype() != DType::f32) continue;
        const std::vector<float> values = buffer.tensor.to_vector();
        all.statistics.insert(all.statistics.end(), values.begin(), values.end());
    }
    return all;
}

/// A mechanism's run on one rank, over all images of the batches or its own; collective.
using Run = Learned (*)(Communicator& comm, bool shuffle);

Views views_of(int64_t step, const Communicator& comm) {
    const Tensor query = golden_steps_images(500, 2 * step, cpu()), key = golden_steps_images(500, 2 * step + 1, cpu());
    if (comm.size() == 1) return {query, key};
    return {own_rows(query, comm.rank()), own_rows(key, comm.rank())};
}

/// The ranks' order, for one process in its numbering of samples and groups.
ShuffleOrder order_of(int64_t step, const Communicator& comm) {
    const ShuffleOrder theirs = draw_shuffle_order(kBatch, 0, 0, step, 0);
    if (comm.size() > 1) return theirs;
    ShuffleOrder here(theirs.size());
    for (int64_t i = 0; i < kBatch; ++i) {
        here[static_cast<size_t>(interleaved(i))] = interleaved(theirs[static_cast<size_t>(i)]);
    }
    return here;
}

Learned end_to_end(Communicator& comm, bool shuffle) {
    SingleEncoder encoder(mechanism_encoder(kRanks / comm.size()), golden_steps::kSgd, 0, cpu());
    fill_by_formula(encoder.f);
    std::vector<double> losses;
    for (int64_t step = 0; step < kSteps; ++step) {
        const ShuffleOrder order = shuffle ? order_of(step, comm) : ShuffleOrder();
        const Views x = views_of(step, comm);
        const PlacedEndToEnd placed = place_numbers(encoder, {golden_steps_rate(step), kT, order}, x.key.dim(0), comm);
        losses.push_back(end_to_end_step(encoder, x, placed, comm).loss.item());
    }
    average_statistics(encoder.f, comm);
    return learned(encoder, losses);
}

Learned memory_bank(Communicator& comm, bool) {
    BankedEncoder model(mechanism_encoder(kRanks / comm.size()), mechanism_steps::kImages, golden_steps::kSgd, 0,
                        cpu());
    std::vector<double> losses;
    fill_by_formula(model);
    for (int64_t step = 0; step < kSteps; ++step) {
        const std::vector<int64_t> batch = images_of_step(step);
        BankNumbers numbers = {golden_steps_rate(step), kT, 1, batch,
                               draw_negatives(kNegatives, mechanism_steps::kImages, 0, 0, step)};
        if (comm.size() > 1) {
            numbers.images.clear();
            for (int64_t n = 0; n < kOwn; ++n) {
                numbers.images.push_back(batch[static_cast<size_t>(n * kRanks + comm.rank())]);
            }
        }
        const PlacedBankNumbers placed = place_numbers(model, numbers);
        losses.push_back(memory_bank_step(model, views_of(step, comm).query, placed, comm).loss.item());
    }
    average_statistics(model.encoder.f, comm);
    Learned all = learned(model.encoder, losses);
    all.bank = model.bank.entries().to_vector();
    return all;
}

void expect_same(Run run, bool shuffle) {
    // Direct convolution errs least: a rounding that lets one ReLU through and not the other would show in all weights.
    cpu().set_conv_algorithm(ConvAlgorithm::direct);
    SingleProcess alone;
    const Learned single = run(alone, shuffle);
    std::vector<Learned> all(kRanks);
    run_on_threads(kRanks, [&](Communicator& comm) { all[static_cast<size_t>(comm.rank())] = run(comm, shuffle); });
    cpu().set_conv_algorithm(ConvAlgorithm::auto_select);
    for (size_t step = 0; step < kSteps; ++step) {
        double mean = 0;
        for (const Learned& rank : all) mean += rank.losses[step] / kRanks;
        EXPECT_NEAR(mean, single.losses[step], 1e-5) << "step " << step;
    }
    for (const Learned& rank : all) {
        // One run: every rank holds the same bits.
        EXPECT_EQ(rank.weights, all[0].weights);
        EXPECT_EQ(rank.statistics, all[0].statistics);
        EXPECT_EQ(rank.bank, all[0].bank);
        // The other partition adds up in another order: a few roundings a step, so 1e-4 of the RMS is generous.
        EXPECT_LE(error_over_rms(rank.weights, single.weights), 1e-4);
        EXPECT_LE(error_over_rms(rank.statistics, single.statistics), 1e-4);
        ASSERT_EQ(rank.bank.size(), single.bank.size());
        if (!rank.bank.empty()) {
            EXPECT_LE(error_over_rms(rank.bank, single.bank), 1e-4);
        }
    }
}

TEST(MechanismsOnRanks, EndToEndInSplits) {
    expect_same(end_to_end, false);
}

TEST(MechanismsOnRanks, EndToEndShuffled) {
    expect_same(end_to_end, true);
}

TEST(MechanismsOnRanks, MemoryBank) {
    expect_same(memory_bank, false);
}

TEST(MechanismsOnRanks, ShufflingChangesWhatIsLearned) {
    SingleProcess alone;
    EXPECT_GT(error_over_rms(end_to_end(alone, true).weights, end_to_end(alone, false).weights), 1e-4);
}

}  // namespace
}  // namespace moco::testing
