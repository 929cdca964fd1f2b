// Subsets: which images are held out and whose labels are used, by class, seed and nothing else.
#include "moco/data/subset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "moco/data/shapes.h"
#include "tests/support/message.h"

namespace moco::testing {
namespace {

using ::testing::ElementsAre;
using Indices = std::vector<int64_t>;

/// Labels without images.
class Labelled final : public Dataset {
  public:
    Labelled(std::vector<int64_t> labels, std::vector<std::string> class_names) : labels_(std::move(labels)) {
        info_.name = "labelled";
        info_.count = std::ssize(labels_);
        info_.classes = 1 + *std::max_element(labels_.begin(), labels_.end());
        info_.class_names = std::move(class_names);
    }
    const DatasetInfo& info() const override { return info_; }
    Image load(int64_t i) const override { fail("image {} is read", i); }
    int64_t label(int64_t i) const override { return labels_[static_cast<size_t>(i)]; }
    std::string path(int64_t i) const override { return fmt::format("labelled#{}", i); }
    std::vector<std::string> take_notes() const override { return {"a note"}; }

  private:
    DatasetInfo info_;
    std::vector<int64_t> labels_;
};

/// 40 ants, 20 bees, 10 cats and 3 without a label, mixed.
Labelled animals() {
    std::vector<int64_t> labels;
    for (int64_t i = 0; i < 70; ++i) labels.push_back(i % 7 < 4 ? 0 : i % 7 < 6 ? 1 : 2);
    for (const int64_t at : {0, 30, 72}) labels.insert(labels.begin() + at, -1);
    return {std::move(labels), {"ant", "bee", "cat"}};
}

/// How many there are of each class.
std::map<int64_t, int64_t> by_class(const Dataset& data, const Indices& indices) {
    std::map<int64_t, int64_t> counts;
    for (const int64_t i : indices) ++counts[data.label(i)];
    return counts;
}

Indices both(const HeldOut& parts) {
    Indices all = parts.rest;
    all.insert(all.end(), parts.held.begin(), parts.held.end());
    std::sort(all.begin(), all.end());
    return all;
}

TEST(Subset, IsThatPartOfTheWhole) {
    const DatasetPtr whole = open_shapes(30).train;
    const DatasetPtr part = subset(whole, {4, 2, 17}, "val");
    EXPECT_EQ(part->count(), 3);
    EXPECT_EQ(part->info().part, "val");
    EXPECT_EQ(part->info().name, "shapes");
    EXPECT_EQ(part->info().classes, 10);
    EXPECT_EQ(part->label(2), 7);
    EXPECT_EQ(part->path(0), whole->path(4));
    EXPECT_EQ(part->load(1).pixels, whole->load(2).pixels);
    EXPECT_EQ(part->load_scaled(1, [](int64_t, int64_t) { return 8; }).image.pixels, whole->load(2).pixels);
    EXPECT_EQ(part->names_digest(), whole->names_digest());
    EXPECT_THAT(subset(std::make_shared<Labelled>(animals()), {0}, "val")->take_notes(), ElementsAre("a note"));
}

TEST(HoldOut, TakesOfEachClassItsShare) {
    struct Case {
        double share;
        std::map<int64_t, int64_t> held;
    };
    const Labelled data = animals();
    for (const auto& [share, expected] :
         {Case{0, {}}, Case{0.01, {}},                                                 // 0.4, 0.2, 0.1 of an image
          Case{0.1, {{0, 4}, {1, 2}, {2, 1}}}, Case{0.25, {{0, 10}, {1, 5}, {2, 3}}},  // 2.5 of 10
          Case{0.9, {{0, 36}, {1, 18}, {2, 9}}}}) {
        const HeldOut parts = hold_out(data, share, 1);
        EXPECT_EQ(by_class(data, parts.held), expected) << share;
        EXPECT_TRUE(std::is_sorted(parts.held.begin(), parts.held.end()));
        EXPECT_TRUE(std::is_sorted(parts.rest.begin(), parts.rest.end()));
        const Indices all = both(parts);
        EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end()) << "in both parts";
        EXPECT_EQ(by_class(data, all), (std::map<int64_t, int64_t>{{0, 40}, {1, 20}, {2, 10}}));
    }
}

TEST(HoldOut, TheSeedAloneDecidesWhich) {
    const Labelled data = animals();
    EXPECT_EQ(hold_out(data, 0.25, 1).held, hold_out(data, 0.25, 1).held);
    EXPECT_NE(hold_out(data, 0.25, 1).held, hold_out(data, 0.25, 2).held);
    const Indices few = hold_out(data, 0.1, 1).held, many = hold_out(data, 0.25, 1).held;
    EXPECT_TRUE(std::includes(many.begin(), many.end(), few.begin(), few.end())) << "a larger share holds the smaller";
}

TEST(HoldOut, LeavesAtLeastOneImage) {
    const Labelled lone({0, -1, 1}, {"some", "others"});
    EXPECT_EQ(message_of([&] { hold_out(lone, 0.5, 1); }),
              "--val-share 0.5: of the 2 labelled images of labelled none is left to train on");
}

TEST(LabelShare, IsAShareOrANumberOfImages) {
    struct Case {
        std::string text;
        double percent;
        int64_t per_class;
    };
    for (const auto& [text, percent, per_class] :
         {Case{"1%", 1, 0}, Case{"12.5%", 12.5, 0}, Case{"100%", 100, 0}, Case{"1", 100, 1}, Case{"20", 100, 20}}) {
        EXPECT_EQ(label_share(text).percent, percent) << text;
        EXPECT_EQ(label_share(text).per_class, per_class) << text;
    }
}

TEST(LabelShare, OtherTextsAreRefusedAsTheyWereGiven) {
    for (const std::string text : {"", "%", "0%", "-1%", "100.1%", "nan%", "inf%", "1 %", "1%%", "0", "-3", "1.5",
                                   "ten", "10 %", "99999999999999999999"}) {
        EXPECT_EQ(message_of([&] { label_share(text); }),
                  "--labels " + text +
                      ": expected a share such as 1% (above 0, at most 100%), or a number of images a class");
    }
}

TEST(ChooseLabelled, TakesOfEachClassItsShareButAtLeastOne) {
    struct Case {
        std::string share;
        std::map<int64_t, int64_t> chosen;
    };
    const Labelled data = animals();
    const Indices among = hold_out(data, 0, 1).rest;
    for (const auto& [share, expected] :
         {Case{"100%", {{0, 40}, {1, 20}, {2, 10}}}, Case{"10%", {{0, 4}, {1, 2}, {2, 1}}},
          Case{"12.5%", {{0, 5}, {1, 3}, {2, 1}}},  // 2.5, 1.25
          Case{"1%", {{0, 1}, {1, 1}, {2, 1}}}, Case{"10", {{0, 10}, {1, 10}, {2, 10}}},
          Case{"1", {{0, 1}, {1, 1}, {2, 1}}}}) {
        const Indices chosen = choose_labelled(data, among, label_share(share), 1);
        EXPECT_EQ(by_class(data, chosen), expected) << share;
        EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
        EXPECT_EQ(std::adjacent_find(chosen.begin(), chosen.end()), chosen.end()) << "chosen twice";
    }
}

TEST(ChooseLabelled, TheSeedAloneDecidesWhich) {
    const Labelled data = animals();
    const Indices among = hold_out(data, 0.1, 1).rest;
    const auto chosen = [&](uint64_t seed) { return choose_labelled(data, among, label_share("10%"), seed); };
    EXPECT_EQ(chosen(1), chosen(1));
    EXPECT_NE(chosen(1), chosen(2));
}

TEST(ChooseLabelled, NoneOfThemIsHeldOut) {
    const Labelled data = animals();
    for (uint64_t seed = 0; seed < 20; ++seed) {
        const HeldOut parts = hold_out(data, 0.25, seed);
        const Indices chosen = choose_labelled(data, parts.rest, label_share("5"), seed);
        Indices common;
        std::set_intersection(chosen.begin(), chosen.end(), parts.held.begin(), parts.held.end(),
                              std::back_inserter(common));
        EXPECT_THAT(common, ElementsAre()) << "seed " << seed;
        EXPECT_NE(chosen, choose_labelled(data, both(parts), label_share("5"), seed)) << "they depend on `among`";
    }
}

TEST(ChooseLabelled, MoreThanAClassHasAreRefusedByItsName) {
    const Labelled data = animals();
    const auto refused = [](const Labelled& from, const Indices& among, const std::string& share) {
        return message_of([&] { choose_labelled(from, among, label_share(share), 1); });
    };
    EXPECT_EQ(refused(data, hold_out(data, 0, 1).rest, "11"), "--labels 11: class cat has 10 images to train on");
    EXPECT_EQ(refused(data, hold_out(data, 0.9, 1).rest, "2"), "--labels 2: class cat has 1 images to train on");
    const Labelled unnamed({0, 1, 1}, {});
    EXPECT_EQ(refused(unnamed, {0, 1, 2}, "2"), "--labels 2: class 0 has 1 images to train on");
    // All of a class held out.
    const Labelled lone({0, 0, 0, 1}, {"many", "lone"});
    EXPECT_EQ(refused(lone, hold_out(lone, 0.5, 1).rest, "1"), "--labels 1: class lone has 0 images to train on");
    EXPECT_EQ(refused(lone, hold_out(lone, 0.5, 1).rest, "100%"), "no Error");
}

}  // namespace
}  // namespace moco::testing
