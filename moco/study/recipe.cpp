// The rules are those of the papers where their settings apply, and of our own runs (docs/results.md) for small images.
#include "moco/study/recipe.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace moco {
namespace {

constexpr int64_t kFewest = 16;     // images
constexpr int64_t kSteps = 20'000;  // that a run on few images should have
constexpr int64_t kLeastEpochs = 50, kMostEpochs = 800, kPapersEpochs = 200;
constexpr int64_t kLarge = 500'000;    // images from which the paper's epochs do
constexpr int64_t kShortRun = 50'000;  // steps below which m = 0.999 is too slow
constexpr double kShareOfMemory = 0.6;

enum class Kind { tiny, small, photographs };

/// Of the images' shorter sides.
Kind kind_of(const DataSurvey& s) {
    return s.shorter.median <= 40 ? Kind::tiny : s.shorter.median <= 96 ? Kind::small : Kind::photographs;
}

int64_t power_of_two_up_to(double limit) {
    int64_t power = 1;
    while (2 * static_cast<double>(power) <= limit) power *= 2;
    return power;
}

struct NetworkChoice {
    const char* arch;
    int64_t width;
    const char* stem;
    int64_t size;
};

/// From the best to the cheapest.
std::vector<NetworkChoice> networks_for(const DataSurvey& s) {
    const int64_t side = s.shorter.median;
    switch (kind_of(s)) {
        case Kind::tiny:
            return {{"resnet18", 64, "cifar", side},
                    {"resnet18", 64, "cifar-s2", side},
                    {"resnet18", 32, "cifar-s2", side},
                    {"resnet18", 16, "cifar-s2", side}};
        case Kind::small:
            return {{"resnet18", 64, "cifar-s2", side / 16 * 16},
                    {"resnet18", 32, "cifar-s2", side / 16 * 16},
                    {"resnet18", 16, "cifar-s2", side / 16 * 16}};
        case Kind::photographs:
            break;
    }
    const int64_t size = side >= 200 ? 224 : side / 32 * 32;
    return {{"resnet50", 64, "imagenet", size},
            {"resnet18", 64, "imagenet", size},
            {"resnet18", 64, "imagenet", std::min<int64_t>(size, 128)},
            {"resnet18", 32, "imagenet", std::min<int64_t>(size, 128)}};
}

class Author {
  public:
    Author(const DataSettings& data, const DataSurvey& s) : s_(s) {
        settings().preset = kind_of(s) == Kind::photographs ? "v2" : s.channels == 1 ? "fashion" : "cifar-demo";
        settings() = preset<PretrainSettings>(settings().preset);
        settings().data = data;
        settings().knn.every = s.test_images > 0 ? 10 : 0;
        settings().knn.baselines = s.test_images > 0;
    }

    void choose_method() {
        PretrainSettings& p = settings();
        because("--preset " + p.preset, kind_of(s_) == Kind::photographs
                                            ? "photographs: MoCo v2's head, augmentation, temperature and cosine"
                                        : s_.channels == 1 ? "small grey images: the recipe of Fashion-MNIST"
                                                           : "small colour images: the reference code's CIFAR recipe");
        const double rate_per_image = p.optimizer.lr / static_cast<double>(p.optimizer.batch_size);
        const auto images = static_cast<double>(s_.images);
        const int64_t most = kind_of(s_) == Kind::photographs ? 256 : 128;
        const int64_t batch = std::max<int64_t>(std::min(most, power_of_two_up_to(images / 8)), 2);
        p.optimizer.batch_size = batch;
        because(fmt::format("--batch-size {}", batch),
                batch == most ? "as the preset trains on images of this size, or a quarter of it"
                              : "an eighth of the images at most, so that an epoch has steps");
        p.optimizer.lr = std::round(1e5 * rate_per_image * static_cast<double>(batch)) / 1e5;
        because(fmt::format("--lr {:g}", p.optimizer.lr), "the preset's rate, scaled with the batch");
        p.method.bn_splits = std::clamp<int64_t>(batch / 16, 1, 8);
        because(fmt::format("--bn-splits {}", p.method.bn_splits),
                "groups of 16 images or more: shuffling BN needs several, statistics need images");
        const int64_t longest = s_.images >= kLarge ? 65536 : s_.images >= 100'000 ? 16384 : 4096;
        p.method.moco_k = std::max(std::min(longest, power_of_two_up_to(images / 4)), batch);
        because(fmt::format("--moco-k {}", p.method.moco_k),
                p.method.moco_k == longest
                    ? "a long queue: many negatives, still few beside the images"
                    : "a quarter of the images at most: in a longer queue an image meets itself");
        choose_epochs();
        choose_views();
    }

    /// The first candidate that is through in time, or the last.
    void choose_network(const RecipeLimits& limits, const TimeSteps& time) {
        const std::vector<NetworkChoice> candidates = networks_for(s_);
        for (const NetworkChoice& one : candidates) {
            PretrainSettings& p = settings();
            p.encoder.arch = one.arch, p.encoder.width = one.width, p.encoder.stem = one.stem;
            p.views.image_size = one.size;
            timing_ = time(p);
            recipe_.images_per_s = timing_.images_per_s;
            if (hours() <= limits.hours) break;
        }
        if (hours() > limits.hours) shorten(limits);
        const PretrainSettings& p = settings();
        because(fmt::format("--arch {} --width {} --stem {}", p.encoder.arch, p.encoder.width, p.encoder.stem),
                fmt::format("the largest of {} networks for images of this size that is through in {:g} hours here",
                            candidates.size(), limits.hours));
        because(fmt::format("--image-size {}", p.views.image_size),
                fmt::format("the images' shorter sides are {} to {}, mostly {} pixels", s_.shorter.least,
                            s_.shorter.most, s_.shorter.median));
        fit_memory(limits);
        recipe_.hours = hours();
    }

    PretrainRecipe finished() {
        const PretrainSettings& p = settings();
        because(fmt::format("--moco-m {:g}", p.method.moco_m),
                steps() < kShortRun ? "a short run: with 0.999 the keys' encoder would stay behind"
                                    : "a long run: slow keys are consistent ones");
        because(fmt::format("--moco-t {:g}", p.method.moco_t), "the preset's");
        because(fmt::format("--aug {}", p.views.aug), "the preset's; look at it with moco views before you train");
        return recipe_;
    }

  private:
    PretrainSettings& settings() { return recipe_.settings; }
    void because(std::string what, std::string why) { recipe_.reasons.push_back({std::move(what), std::move(why)}); }
    int64_t steps_per_epoch() { return std::max<int64_t>(s_.images / settings().optimizer.batch_size, 1); }
    int64_t steps() { return settings().optimizer.epochs * steps_per_epoch(); }
    double hours() {
        return static_cast<double>(steps() * settings().optimizer.batch_size) / timing_.images_per_s / 3600;
    }

    void choose_epochs() {
        OptimizerSettings& o = settings().optimizer;
        const int64_t enough = (kSteps + steps_per_epoch() - 1) / steps_per_epoch();
        const bool large = s_.images >= kLarge;
        o.epochs = large ? kPapersEpochs : std::clamp(enough, kLeastEpochs, kMostEpochs);
        o.cos = true;
        settings().method.moco_m = steps() < kShortRun ? 0.99 : 0.999;
        because(
            fmt::format("--epochs {}", o.epochs),
            large ? "the paper's; 800 still gain" : fmt::format("{} steps; features go on gaining with more", steps()));
    }

    void choose_views() {
        ViewSettings& v = settings().views;
        if (s_.channels == 1) v.aug = "fashion";
        if (s_.channels == 1 || s_.channels == 3) return;
        v.jitter_p = 0, v.grayscale_p = 0;
        because("--jitter-p 0 --grayscale-p 0", "images of other than 1 or 3 channels have no colours to change");
    }

    void shorten(const RecipeLimits& limits) {
        OptimizerSettings& o = settings().optimizer;
        const double share = limits.hours / hours();
        const int64_t wanted = o.epochs;
        o.epochs = std::max<int64_t>(static_cast<int64_t>(share * static_cast<double>(wanted)), 1);
        for (Reason& reason : recipe_.reasons) {
            if (!reason.what.starts_with("--epochs")) continue;
            reason = {fmt::format("--epochs {}", o.epochs),
                      fmt::format("what {:g} hours allow; {} would be better", limits.hours, wanted)};
        }
        settings().method.moco_m = steps() < kShortRun ? 0.99 : 0.999;
    }

    void fit_memory(const RecipeLimits& limits) {
        OptimizerSettings& o = settings().optimizer;
        const auto gib = [&] {
            return timing_.bytes * static_cast<double>(o.batch_size / o.accumulate) / static_cast<double>(1 << 30);
        };
        while (limits.memory_gib > 0 && gib() > kShareOfMemory * limits.memory_gib &&
               settings().method.bn_splits % (2 * o.accumulate) == 0) {
            o.accumulate *= 2;
        }
        recipe_.gib = gib();
        if (o.accumulate > 1)
            because(fmt::format("--accumulate {}", o.accumulate), "the batch in parts, to fit memory");
    }

    const DataSurvey& s_;
    PretrainRecipe recipe_;
    StepTiming timing_;
};

}  // namespace

PretrainRecipe recipe_for(const DataSettings& data, const DataSurvey& survey, const RecipeLimits& limits,
                          const TimeSteps& time) {
    check(survey.images >= kFewest, "--data {} has {} images: too few to learn from; expected {} or more", data.spec,
          survey.images, kFewest);
    Author author(data, survey);
    author.choose_method();
    author.choose_network(limits, time);
    PretrainRecipe recipe = author.finished();
    validate(recipe.settings);
    return recipe;
}

}  // namespace moco
