// Settings that follow from others: the batch of the end-to-end mechanism, and --bn; and what a mechanism refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "moco/tasks/pretrain_settings.h"
#include "tests/support/message.h"

namespace moco {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

/// What flags, below a file's text if there is one, make of the preset.
PretrainSettings resolved(const GivenFlags& flags, const std::string& file_text = "") {
    GivenFlags given = {{"preset", "fashion"}};
    given.insert(given.end(), flags.begin(), flags.end());
    if (file_text.empty()) return resolve_settings<PretrainSettings>({std::nullopt, given});
    const std::filesystem::path file = std::filesystem::path(::testing::TempDir()) / "resolved.toml";
    std::ofstream(file) << file_text;
    return resolve_settings<PretrainSettings>({file, given});
}

TEST(MechanismSettings, KeysOfEndToEndAreTheBatch) {
    // Without --moco-k the preset's batch stays as it is.
    const PretrainSettings as_it_is = resolved({{"mechanism", "end-to-end"}});
    EXPECT_EQ(as_it_is.method.moco_k, 128);
    EXPECT_EQ(as_it_is.optimizer.batch_size, 128);
    EXPECT_EQ(as_it_is.optimizer.lr, 0.06);
    const PretrainSettings four = resolved({{"mechanism", "end-to-end"}, {"moco-k", "512"}});
    EXPECT_EQ(four.optimizer.batch_size, 512);
    EXPECT_EQ(four.method.bn_splits, 16);  // of 32 images each, as before
    EXPECT_DOUBLE_EQ(four.optimizer.lr, 0.24);
    EXPECT_NO_THROW(validate([&] {
        PretrainSettings s = four;
        s.data.spec = "shapes";
        return s;
    }()));
    // What it wrote means the same when it is read.
    PretrainSettings written = four;
    EXPECT_EQ(resolved({}, to_toml(table_of(written), "pretrain")), four);
    // Whatever batch was there counts, and --scale-lr scales by itself.
    EXPECT_EQ(resolved({{"mechanism", "end-to-end"}, {"moco-k", "128"}, {"batch-size", "64"}, {"bn", "global"}})
                  .method.bn_splits,
              1);
    EXPECT_EQ(resolved({{"mechanism", "end-to-end"}, {"scale-lr", "true"}}, "moco-k = 256\n").optimizer.lr, 0.06);
    EXPECT_EQ(
        message_of([] {
            resolved({{"mechanism", "end-to-end"}, {"moco-k", "100"}});
        }),
        "--moco-k 100: with --mechanism end-to-end it is the batch, which must be a multiple of the 32 images of a "
        "batch norm split (--batch-size 128 in --bn-splits 4)");
    // Of the others it is what it was.
    EXPECT_EQ(resolved({{"mechanism", "memory-bank"}, {"moco-k", "16"}}).optimizer.batch_size, 128);
}

TEST(MechanismSettings, WhatAMechanismCannotDoIsRefused) {
    const auto refusal = [](const GivenFlags& flags) { return message_of([&] { validate(resolved(flags)); }); };
    EXPECT_EQ(
        refusal({{"mechanism", "end-to-end"}, {"accumulate", "2"}}),
        "--accumulate 2: with --mechanism end-to-end the whole batch is the dictionary, so it cannot go through in "
        "parts; a smaller --moco-k takes less memory");
    EXPECT_EQ(
        refusal({{"mechanism", "end-to-end"}, {"moco-k", "8192"}}),
        "--moco-k 8192: --mechanism end-to-end holds every query against every key of the batch, of 4096 at most");
    EXPECT_EQ(refusal({{"mechanism", "memory-bank"}, {"symmetric", "true"}}),
              "--symmetric: only --mechanism moco sums both directions, not memory-bank");
    EXPECT_EQ(refusal({{"mechanism", "memory-bank"}, {"positive", "folder"}}),
              "--positive folder: --mechanism memory-bank has one view an image, no second one to take elsewhere");
    EXPECT_NO_THROW(validate(resolved({{"mechanism", "memory-bank"}, {"moco-k", "16"}, {"accumulate", "2"}})));
}

TEST(MechanismSettings, BnIsOneFlagOverTwo) {
    const auto bn = [](const char* text) { return resolved({{"bn", text}}).method; };
    EXPECT_FALSE(bn("split").shuffle_bn);
    EXPECT_EQ(bn("split").bn_splits, 4);
    EXPECT_EQ(bn("shuffle"), resolved({}).method);
    EXPECT_FALSE(bn("global").shuffle_bn);
    EXPECT_EQ(bn("global").bn_splits, 1);
    EXPECT_EQ(message_of([&] { bn("both"); }),
              "--bn 'both' cannot be understood: expected one of split, shuffle, global");
    EXPECT_EQ(message_of([] {
                  resolved({{"bn", "split"}, {"bn-splits", "8"}});
              }),
              "--bn beside --bn-splits: --bn sets --bn-splits, so give one of the two");
    EXPECT_EQ(message_of([] {
                  resolved({{"shuffle-bn", "false"}, {"bn", "split"}});
              }),
              "--bn beside --shuffle-bn: --bn sets --shuffle-bn, so give one of the two");
    EXPECT_THAT(message_of([] { resolved({}, "bn = \"split\"\nbn-splits = 8\n"); }),
                HasSubstr("resolved.toml: bn beside bn-splits: bn sets bn-splits"));
    // A flag goes before the file, and files that are written hold what it stands for.
    EXPECT_EQ(resolved({{"bn", "global"}}, "bn-splits = 8\n").method.bn_splits, 1);
    PretrainSettings global = resolved({{"bn", "global"}});
    EXPECT_THAT(to_toml(table_of(global), "pretrain"),
                ::testing::AllOf(HasSubstr("\nbn-splits = 1 "), ::testing::Not(HasSubstr("\nbn = "))));
    EXPECT_NO_THROW(apply_to_resumed(table_of(global), {{"bn", "split"}}));  // of one group it is the same
    EXPECT_EQ(message_of([&] {
                  apply_to_resumed(table_of(global), {{"bn", "shuffle"}});
              }),
              "--bn shuffle: the run to resume has global, and a resume may not change it");
}

}  // namespace
}  // namespace moco
