// Settings of probe and fine-tuning: what the flags mean, what the checkpoint decides, and the sentence for everything
// impossible.
#include "moco/tasks/transfer_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "moco/data/memory_dataset.h"
#include "moco/tasks/finetune.h"
#include "moco/tasks/probe.h"
#include "moco/train/settings/toml.h"
#include "tests/moco/tasks/transfer_runs.h"
#include "tests/support/message.h"

namespace moco::testing {
namespace {

using ::testing::ElementsAre;

/// Settings that validate, whose encoder was taken from a checkpoint.
template <typename S>
S complete() {
    S s = preset<S>("imagenet");
    s.data.spec = "shapes:86";
    s.encoder.arch = "resnet18", s.encoder.stem = "cifar", s.encoder.width = 4;
    s.views.image_size = 32;
    return s;
}

template <typename S>
struct Refusal {
    void (*change)(S&);
    std::string sentence;
};

template <typename S>
void expect_refusals(const std::vector<Refusal<S>>& refusals) {
    EXPECT_EQ(message_of([] { validate(complete<S>()); }), "no Error");
    for (const auto& [change, sentence] : refusals) {
        S s = complete<S>();
        change(s);
        EXPECT_EQ(message_of([&] { validate(s); }), sentence);
    }
}

TEST(ProbeSettingsTest, TheDefaultsAreThePapers) {
    const ProbeSettings s;
    EXPECT_EQ(s.optimizer.epochs, 100);
    EXPECT_EQ(s.optimizer.schedule, (std::vector<int64_t>{60, 80}));
    EXPECT_EQ(s.optimizer.batch_size, 256);
    EXPECT_EQ(s.optimizer.momentum, 0.9);
    EXPECT_EQ(s.optimizer.wd, 0);
    EXPECT_FALSE(s.optimizer.cos);
    EXPECT_EQ(s.views.aug, "crop");
    EXPECT_EQ(s.features, "augmented");
    EXPECT_EQ(probe_schedule(s).base_lr, 30);
}

TEST(ProbeSettingsTest, RatesAreOneOrSeveral) {
    struct Case {
        std::string text;
        std::vector<double> rates;
        std::vector<float> factors;
        float base;
    };
    for (const auto& [text, rates, factors, base] :
         {Case{"30", {30}, {1}, 30}, Case{"0", {0}, {1}, 0}, Case{"3,0.5,1", {0.5, 1, 3}, {0.5f, 1, 3}, 1},
          Case{"0.5, 2 ,1e1", {0.5, 2, 10}, {0.5f, 2, 10}, 1},
          Case{"sweep", {0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30}, {0.01f, 0.03f, 0.1f, 0.3f, 1, 3, 10, 30}, 1}}) {
        ProbeSettings s = complete<ProbeSettings>();
        s.rates = text;
        EXPECT_EQ(probe_rates(s), rates) << text;
        EXPECT_EQ(rate_factors(s), factors) << text;
        EXPECT_EQ(probe_schedule(s).base_lr, base) << text;
    }
}

TEST(ProbeSettingsTest, FilesMayWriteRatesAsNumbers) {
    for (const auto& [text, rates] : {std::pair<std::string, std::vector<double>>{"lr = 3", {3}},
                                      {"lr = 0.25", {0.25}},
                                      {"lr = [0.3, 1, 3e1]", {0.3, 1, 30}}}) {
        ProbeSettings s = complete<ProbeSettings>();
        from_toml(table_of(s), "probe", text, "p.toml");
        EXPECT_EQ(probe_rates(s), rates) << text;
    }
    ProbeSettings s = complete<ProbeSettings>();
    EXPECT_EQ(message_of([&] { from_toml(table_of(s), "probe", "lr = [true]", "p.toml"); }),
              "p.toml, line 1: lr must be a text, a number, or a list of numbers");
}

TEST(ProbeSettingsTest, OtherTextsAreNoRates) {
    for (const std::string text :
         {"", ",", "1,", ",1", "1,,2", "1 2", "1;2", "-1", "1,-0.5", "nan", "inf", "1e39", "ten", "1,sweep", "swept"}) {
        ProbeSettings s = complete<ProbeSettings>();
        s.val_share = 0.1;
        s.rates = text;
        EXPECT_EQ(message_of([&] { validate(s); }),
                  "--lr " + text + ": expected numbers of at least 0, separated by commas, or sweep");
        s.rates = "30", s.solver = "lbfgs", s.l2 = text;
        EXPECT_EQ(message_of([&] { validate(s); }),
                  "--l2 " + text + ": expected numbers of at least 0, separated by commas, or sweep");
    }
}

TEST(ProbeSettingsTest, WhatCannotBeIsRefused) {
    const std::string choose =
        " heads need images to choose the best by, which are not those of the test part: give --val-share (0.1 holds "
        "out a tenth of the training images)";
    using S = ProbeSettings;
    expect_refusals<S>({
        {[](S& s) { s.rates = "1,3"; }, "--lr 1,3: 2" + choose},
        {[](S& s) { s.rates = "sweep"; }, "--lr sweep: 8" + choose},
        {[](S& s) { s.solver = "lbfgs"; }, "--l2 sweep: 8" + choose},
        {[](S& s) { s.rates = "1,3,1", s.val_share = 0.1; }, "--lr 1,3,1: a number stands there twice"},
        {[](S& s) { s.val_share = 0.95; }, "--val-share 0.95: it must be in 0..0.9"},
        {[](S& s) { s.val_share = -0.1; }, "--val-share -0.1: it must be in 0..0.9"},
        {[](S& s) { s.eval_every = -1; }, "--eval-every -1: it must be at least 0"},
        {[](S& s) { s.optimizer.accumulate = 2; },
         "--accumulate 2: a frozen network has no batch to divide; leave it out"},
        {[](S& s) { s.features = "fresh"; }, "--features fresh: expected one of augmented, cached"},
        {[](S& s) { s.solver = "adam"; }, "--solver adam: expected one of sgd, lbfgs"},
    });
}

TEST(ProbeSettingsTest, TheRateFollowsTheBatch) {
    ProbeSettings s;
    EXPECT_EQ(rate_advice(s), "");
    s.optimizer.batch_size = 32;
    EXPECT_EQ(rate_advice(s),
              "--batch-size 32 goes with the rate of the preset's 256 (--lr 30): rates usually grow and shrink with "
              "the batch; --scale-lr takes 3.75");
    s.optimizer.scale_lr = true;
    EXPECT_EQ(rate_advice(s), "");
    EXPECT_EQ(probe_schedule(s).base_lr, 3.75f);
    s.optimizer.scale_lr = false;
    for (const std::string rates : {"10", "1,30", "sweep"}) {
        s.rates = rates;
        EXPECT_EQ(rate_advice(s), "") << "chosen: " << rates;
    }
    ProbeSettings sweep = preset<ProbeSettings>("fashion");
    sweep.optimizer.batch_size = 32;
    EXPECT_EQ(rate_advice(sweep), "");
}

TEST(FinetuneSettingsTest, TheHeadLearnsTenTimesAsFast) {
    FinetuneSettings s;
    EXPECT_EQ(s.optimizer.lr, 0.01);
    EXPECT_EQ(s.optimizer.wd, 1e-4);
    EXPECT_TRUE(s.optimizer.cos);
    EXPECT_EQ(s.optimizer.lr_per, "step");
    EXPECT_FLOAT_EQ(depth_rates(s).head, 10);
    EXPECT_EQ(depth_rates(s).decay, 1);
    EXPECT_EQ(depth_rates(s).frozen_stages, 0);
    s.head_lr = 0.005, s.layer_decay = 0.5, s.freeze_stages = 3;
    EXPECT_FLOAT_EQ(depth_rates(s).head, 0.5f);
    EXPECT_EQ(depth_rates(s).decay, 0.5f);
    EXPECT_EQ(depth_rates(s).frozen_stages, 3);
}

TEST(FinetuneSettingsTest, WhatCannotBeIsRefused) {
    using S = FinetuneSettings;
    expect_refusals<S>({
        {[](S& s) { s.optimizer.lr = 0; }, "--lr 0: it must be above 0 (`moco probe` trains a head alone)"},
        {[](S& s) { s.head_lr = -1; }, "--head-lr -1: it must be at least 0"},
        {[](S& s) { s.layer_decay = 0; }, "--layer-decay 0: it must be above 0, at most 1"},
        {[](S& s) { s.layer_decay = 1.5; }, "--layer-decay 1.5: it must be above 0, at most 1"},
        {[](S& s) { s.label_smoothing = 1; }, "--label-smoothing 1: it must be in 0..1, below 1"},
        {[](S& s) { s.label_smoothing = -0.1; }, "--label-smoothing -0.1: it must be in 0..1, below 1"},
        {[](S& s) { s.freeze_stages = 6; }, "--freeze-stages 6: it must be in 0 to 5"},
        {[](S& s) { s.freeze_stages = -1; }, "--freeze-stages -1: it must be in 0 to 5"},
        {[](S& s) { s.bn = "eval"; }, "--bn eval: expected one of train, frozen"},
        {[](S& s) { s.labels = "0%"; },
         "--labels 0%: expected a share such as 1% (above 0, at most 100%), or a number of images a class"},
        {[](S& s) { s.bn_splits = 3; },
         "--bn-splits 3 must divide --batch-size 128, and --accumulate 1 must divide it"},
        {[](S& s) { s.bn_splits = 2, s.optimizer.accumulate = 4; },
         "--bn-splits 2 must divide --batch-size 128, and --accumulate 4 must divide it"},
        {[](S& s) { s.optimizer.epochs = -1; }, "--epochs -1: it must be at least 1"},
        {[](S& s) { s.optimizer.warmup = 40; }, "--warmup 40: it must be at least 0 and below --epochs 30"},
    });
}

class FromCheckpoint : public ::testing::Test {
  protected:
    ProbeSettings taken(const std::filesystem::path& checkpoint) const {
        ProbeSettings s;
        s.run.init = checkpoint.string();
        take_from_checkpoint(s, "probe");
        return s;
    }
    std::string refused(const std::filesystem::path& checkpoint) const {
        return message_of([&] { taken(checkpoint); });
    }
    /// Splits of `count` images of 1 or 3 channels and these classes.
    static Splits data_of(int64_t count, int64_t channels, const std::vector<std::string>& classes) {
        DatasetInfo info;
        info.name = "ours", info.count = count, info.channels = channels, info.H = 32, info.W = 32;
        info.classes = std::ssize(classes), info.class_names = classes;
        std::vector<uint8_t> labels;
        for (int64_t i = 0; !classes.empty() && i < count; ++i)
            labels.push_back(static_cast<uint8_t>(i % info.classes));
        const auto pixels = static_cast<size_t>(count * channels * 32 * 32);
        const auto data = std::make_shared<MemoryDataset>(info, std::vector<uint8_t>(pixels), labels, "ours");
        return {data, data, nullptr};
    }
    TempFolder folder_;
    std::filesystem::path source_ = pretrained_run(folder_ / "pretrained");
};

TEST_F(FromCheckpoint, TheNetworkIsTheCheckpoints) {
    for (const std::filesystem::path& checkpoint : {source_, source_ / kLastCheckpoint}) {
        const ProbeSettings s = taken(checkpoint);
        EXPECT_EQ(s.run.init, (source_ / kLastCheckpoint).string());
        EXPECT_EQ(s.encoder.arch, "resnet18");
        EXPECT_EQ(s.encoder.width, 4);
        EXPECT_EQ(s.encoder.stem, "cifar-s2");
        EXPECT_EQ(s.views.image_size, 32);
    }
    ProbeSettings larger;
    larger.run.init = source_.string();
    larger.views.image_size = 48;
    take_from_checkpoint(larger, "probe");
    EXPECT_EQ(larger.views.image_size, 48) << "as given";
}

TEST_F(FromCheckpoint, TheRunGoesBesideIt) {
    const std::filesystem::path evaluations = source_ / "eval";
    EXPECT_EQ(taken(source_).run.out, evaluations / "probe");
    EXPECT_EQ(taken(source_ / kLastCheckpoint).run.out, evaluations / "probe");
    std::filesystem::create_directories(evaluations / "probe");
    EXPECT_EQ(taken(source_).run.out, evaluations / "probe-2");
    std::filesystem::create_directories(evaluations / "probe-2");
    EXPECT_EQ(taken(source_).run.out, evaluations / "probe-3");
    FinetuneSettings other;
    other.run.init = source_.string();
    take_from_checkpoint(other, "finetune");
    EXPECT_EQ(other.run.out, evaluations / "finetune");
    other.run.out = "elsewhere";
    take_from_checkpoint(other, "finetune");
    EXPECT_EQ(other.run.out, "elsewhere") << "as given";

    // A file that lies in no run.
    std::filesystem::copy_file(source_ / kLastCheckpoint, folder_ / "lone.safetensors");
    EXPECT_THAT(taken(folder_ / "lone.safetensors").run.out, ::testing::StartsWith("runs/probe"));
}

TEST_F(FromCheckpoint, WhatCannotBeTakenIsRefused) {
    EXPECT_EQ(refused(""),
              "--checkpoint is missing; it names the encoder to start from: a run folder, a checkpoint, or "
              "another program's weights");
    const std::string nothing = (folder_ / "nothing").string();
    EXPECT_EQ(refused(nothing), nothing + " cannot be opened: No such file or directory");
    std::filesystem::create_directories(folder_ / "empty");
    EXPECT_EQ(refused(folder_ / "empty"),
              (folder_ / "empty" / kLastCheckpoint).string() + " cannot be opened: No such file or directory");
    ProbeSettings s;
    s.run.init = source_.string();
    s.encoder.arch = "resnet50";
    EXPECT_EQ(message_of([&] { take_from_checkpoint(s, "probe"); }),
              "--arch resnet50: " + (source_ / kLastCheckpoint).string() + " holds a resnet18");
}

TEST_F(FromCheckpoint, DataThatDoNotFitAreRefused) {
    ProbeSettings probe = transfer_run<Probe>(source_, folder_ / "probe");
    FinetuneSettings finetune = transfer_run<Finetune>(source_, folder_ / "finetune");
    probe.data.spec = finetune.data.spec = "ours";
    const auto refused = [&](const Splits& data) {
        Watcher watcher;
        return std::vector<std::string>{message_of([&] { run_on<Probe>(probe, data, cpu(), watcher); }),
                                        message_of([&] { run_on<Finetune>(finetune, data, cpu(), watcher); })};
    };
    const std::string channels = (source_ / kLastCheckpoint).string() +
                                 " holds an encoder of images with 3 channels, the images of --data have 1";
    EXPECT_THAT(refused(data_of(64, 1, {"a", "b"})), ElementsAre(channels, channels));
    EXPECT_THAT(
        refused(data_of(64, 3, {})),
        ElementsAre("--data ours has no labels, which a linear probe needs (class folders, or --labels-from FILE.csv)",
                    "--data ours has no labels, which fine-tuning needs (class folders, or --labels-from FILE.csv)"));
    EXPECT_THAT(refused(data_of(64, 3, {"only"})),
                ElementsAre("--data ours has one class (only): a linear probe needs two or more",
                            "--data ours has one class (only): fine-tuning needs two or more"));
    EXPECT_THAT(refused(data_of(12, 3, {"a", "b"})),
                ElementsAre("--data ours has 8 images, fewer than one --batch-size 16",
                            "--data ours has 8 images, fewer than one --batch-size 16"));
    EXPECT_FALSE(std::filesystem::exists(probe.run.out));
    EXPECT_FALSE(std::filesystem::exists(finetune.run.out));
}

}  // namespace
}  // namespace moco::testing
