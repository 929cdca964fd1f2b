// Pairs from folders: who is whose partner, and that the loader shows it in the second view.
#include "moco/data/positives.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "moco/data/loader.h"
#include "tests/support/message.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

/// Images of one grey level, 10 times their index, that lie where their paths say.
class Listed final : public Dataset {
  public:
    explicit Listed(std::vector<std::string> paths, std::set<int64_t> damaged = {})
        : paths_(std::move(paths)), damaged_(std::move(damaged)) {
        info_.name = "folder";
        info_.count = std::ssize(paths_);
        info_.channels = 1;
    }
    const DatasetInfo& info() const override { return info_; }
    Image load(int64_t i) const override {
        check(!damaged_.contains(i), "{} is damaged", path(i));
        Image image(8, 8, 1);
        std::fill(image.pixels.begin(), image.pixels.end(), static_cast<uint8_t>(10 * i));
        return image;
    }
    int64_t label(int64_t) const override { return -1; }
    std::string path(int64_t i) const override { return paths_[static_cast<size_t>(i)]; }
    std::string names_digest() const override { return "digest"; }

  private:
    std::vector<std::string> paths_;
    std::set<int64_t> damaged_;
    DatasetInfo info_;
};

/// In the listing's order, which is by bytes: frame 10 before frame 2.
const std::vector<std::string> kPaths = {"a/f1.png",  "a/f10.png", "a/f2.png",  "a/f3.png",
                                         "b/x07.png", "b/x7.png",  "c/only.png"};

/// How often image i was paired with which, over many epochs.
std::map<int64_t, int> partners_of(int64_t i, const PositiveOptions& options) {
    const Positives positives(Listed(kPaths), options);
    std::map<int64_t, int> counts;
    for (int64_t epoch = 0; epoch < 600; ++epoch) ++counts[positives.partner(i, 5, epoch)];
    return counts;
}

std::vector<int64_t> names_of(const std::map<int64_t, int>& counts) {
    std::vector<int64_t> names;
    for (const auto& count : counts) names.push_back(count.first);
    return names;
}

TEST(Positives, OfAFolderAreAllItsOthersAlike) {
    const std::map<int64_t, int> counts = partners_of(2, {PositiveKind::folder});
    EXPECT_EQ(names_of(counts), (std::vector<int64_t>{0, 1, 3}));
    for (const auto& count : counts) EXPECT_NEAR(count.second, 200, 60);  // of standard deviation 12
    EXPECT_EQ(names_of(partners_of(5, {PositiveKind::folder})), (std::vector<int64_t>{4}));
    EXPECT_EQ(names_of(partners_of(6, {PositiveKind::folder})), (std::vector<int64_t>{6}));  // alone
}

TEST(Positives, OfFramesAreTheNearOnesInTheOrderOfTheirNumbers) {
    // The video's order is f1, f2, f3, f10: images 0, 2, 3, 1.
    EXPECT_EQ(names_of(partners_of(0, {PositiveKind::frames, 1})), (std::vector<int64_t>{2}));
    EXPECT_EQ(names_of(partners_of(3, {PositiveKind::frames, 1})), (std::vector<int64_t>{1, 2}));
    EXPECT_EQ(names_of(partners_of(1, {PositiveKind::frames, 2})), (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(names_of(partners_of(6, {PositiveKind::frames, 2})), (std::vector<int64_t>{6}));
}

TEST(Positives, DependOnSeedEpochAndImageAlone) {
    const Positives one(Listed(kPaths), {PositiveKind::folder}), other(Listed(kPaths), {PositiveKind::folder});
    int differ = 0;
    for (int64_t epoch = 0; epoch < 50; ++epoch) {
        EXPECT_EQ(one.partner(0, 5, epoch), other.partner(0, 5, epoch));
        differ += one.partner(0, 5, epoch) != one.partner(0, 6, epoch) ? 1 : 0;
    }
    EXPECT_GT(differ, 10);
}

TEST(Positives, SayWhatIsMissing) {
    const auto refusal = [](const std::vector<std::string>& paths, PositiveKind kind) {
        return message_of([&] { Positives(Listed(paths), {kind}); });
    };
    EXPECT_EQ(message_of([] { Positives(*open_dataset("shapes:20").pretrain, {PositiveKind::frames}); }),
              "--positive frames: the images of shapes are no files in folders; --data folder:DIR has such");
    EXPECT_EQ(
        refusal({"a/1.png", "a/2.png"}, PositiveKind::folder),
        "--positive folder: all 2 images lie in one folder, so any two of them would be a pair; expected a folder "
        "for each object");
    EXPECT_EQ(refusal({"a/1.png", "b/2.png"}, PositiveKind::frames),
              "--positive frames: no folder of folder has two images");
    EXPECT_EQ(refusal({"a/1.png", "a/2.png"}, PositiveKind::frames), "no Error");  // one video
}

int64_t image_in(const Tensor& view, int64_t row) {
    const std::vector<float> pixels = view.rows(row, row + 1).to_vector();
    return std::lround(pixels[pixels.size() / 2] * 255 / 10);
}

class PositivesOfALoader : public EachBackend {};

TEST_P(PositivesOfALoader, TheSecondViewShowsThePartner) {
    const PositiveOptions folder = {PositiveKind::folder};
    for (const std::set<int64_t>& damaged : {std::set<int64_t>{}, std::set<int64_t>{1}}) {
        const auto data = std::make_shared<Listed>(kPaths, damaged);
        const Positives positives(*data, folder);
        LoaderOptions options;
        options.batch = 7;
        options.size = 8;
        options.epochs = 12;
        options.seed = 3;
        options.workers = 2;
        options.positive = folder;
        const Recipe crops = recipe_named("crop");  // leaves grey levels as they are
        Loader loader(data, {crops, crops}, options, backend());
        bool replaced = false;
        for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
            const Batch batch = loader.next();
            for (int64_t row = 0; row < options.batch; ++row) {
                const int64_t image = batch.indices[static_cast<size_t>(row)];
                const int64_t partner = positives.partner(image, options.seed, epoch);
                EXPECT_EQ(image_in(batch.views[0], row), image);
                EXPECT_EQ(image_in(batch.views[1], row), damaged.contains(partner) ? image : partner);
                for (const Unreadable& u : batch.unreadable) replaced |= u.index == 1 && u.replaced_by == image;
            }
        }
        EXPECT_EQ(replaced, !damaged.empty());
    }
}

MOCO_FOR_EACH_BACKEND(PositivesOfALoader);

}  // namespace
}  // namespace moco::testing
